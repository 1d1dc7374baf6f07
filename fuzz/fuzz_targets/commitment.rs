//! libFuzzer's side of `vm_fuzz::commitment`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::commitment), |data: &[u8]| vm_fuzz::commitment(data));
