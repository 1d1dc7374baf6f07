//! libFuzzer's side of `vm_fuzz::store_model`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::store_model), |data: &[u8]| vm_fuzz::store_model(data));
