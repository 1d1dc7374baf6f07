//! libFuzzer's side of `vm_fuzz::transactions`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::transactions), |data: &[u8]| vm_fuzz::transactions(data));
