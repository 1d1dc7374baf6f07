//! libFuzzer's side of `vm_fuzz::proof_decoder`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::proof_decoder), |data: &[u8]| vm_fuzz::proof_decoder(data));
