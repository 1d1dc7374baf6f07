//! libFuzzer's side of `vm_fuzz::replica`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::replica), |data: &[u8]| vm_fuzz::replica(data));
