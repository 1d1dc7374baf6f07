//! libFuzzer's side of `vm_fuzz::scale_types`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::scale_types), |data: &[u8]| vm_fuzz::scale_types(data));
