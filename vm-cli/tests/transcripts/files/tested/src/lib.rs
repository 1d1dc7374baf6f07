#[cfg(test)]
mod tests {
    #[test]
    fn sums_are_sums() {
        assert_eq!(1 + 1, 2);
    }

    #[test]
    fn primes_are_odd() {
        assert_eq!(2 % 2, 1);
    }
}
