//! libFuzzer's side of `vm_fuzz::module_validation`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::module_validation), |data: &[u8]| vm_fuzz::module_validation(data));
