//! libFuzzer's side of `vm_fuzz::commitment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vm_fuzz::commitment(data));
