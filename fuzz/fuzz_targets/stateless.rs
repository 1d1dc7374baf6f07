//! libFuzzer's side of `vm_fuzz::stateless`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::stateless), |data: &[u8]| vm_fuzz::stateless(data));
