//! libFuzzer's side of `vm_fuzz::proof_decoder`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vm_fuzz::proof_decoder(data));
