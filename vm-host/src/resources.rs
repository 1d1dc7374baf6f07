//! What a transaction consumed, beside its receipt: deterministic, but not recorded by the chain (R40).

/// Consumption of one transaction, reverted frames included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Wasm fuel that contract code burned.
    pub fuel: u64,
    /// Fuel units that host operations, loading and intrinsic costs took.
    pub host_fuel: u64,
    /// Host functions called.
    pub host_calls: u64,
    /// Frames run.
    pub frames: u64,
    /// The deepest frame; 0 is the outermost.
    pub depth_max: u32,
    /// Most pages of linear memory alive at a time.
    pub pages_peak: u32,
    /// Entries looked up or written.
    pub entries_read: u64,
    /// Entries written.
    pub entries_written: u64,
    /// Bytes of field values and code that were read.
    pub bytes_read: u64,
    /// Bytes of field values and code that were written.
    pub bytes_written: u64,
}
