//! What a transaction consumed, beside its receipt: deterministic, but not recorded by the chain (R40).

/// Fuel units that host operations took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFuel {
    /// By the table of operations.
    pub table: u64,
    /// For entries: touched, searched, written.
    pub entries: u64,
    /// For bytes: of names, values, arguments, events, digests.
    pub bytes: u64,
}

impl HostFuel {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.table.saturating_add(self.entries).saturating_add(self.bytes)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.table = self.table.saturating_add(other.table);
        self.entries = self.entries.saturating_add(other.entries);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Consumption of one transaction, reverted frames included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Wasm fuel that contract code burned.
    pub fuel: u64,
    /// Fuel units that host operations took, by what for.
    pub host: HostFuel,
    /// Fuel units for what stands before an instance runs: loading and starting it, checking arguments, moving value,
    /// storing code.
    pub setup_fuel: u64,
    /// Fuel units that the transaction cost before it did anything.
    pub intrinsic_fuel: u64,
    /// Fuel units that halted frames had left, and that are billed all the same.
    pub forfeited_fuel: u64,
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
    /// Witness bytes that it declared: at least as many as what it touched takes in the block's witness.
    pub witness_bytes: u64,
}

impl Resources {
    /// All fuel that was billed: the receipt's gas, refund included, before rounding.
    #[must_use]
    pub fn billed_fuel(&self) -> u64 {
        [self.host.total(), self.setup_fuel, self.intrinsic_fuel, self.forfeited_fuel]
            .into_iter()
            .fold(self.fuel, u64::saturating_add)
    }
}
