//! libFuzzer's side of `vm_fuzz::interface_decoder`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::interface_decoder), |data: &[u8]| vm_fuzz::interface_decoder(data));
