//! How long a node waits for what.

use std::time::Duration;

/// The waits of a node. All validators of a chain should have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a leader's proposal, before the view is given up. Default: 1 s.
    pub leader: Duration,
    /// For a view's block to be notarized and certified, before the view is given up. More than `leader`. Default: 2 s.
    pub certification: Duration,
    /// Between repetitions of a vote to give a view up, while nothing comes of it. Default: 2 s.
    pub retry: Duration,
    /// For the first transaction, before a leader proposes an empty block. Well below `leader`. Default: 300 ms.
    pub idle: Duration,
    /// How often a leader looks for the first transaction. Default: 10 ms.
    pub poll: Duration,
    /// How far a block's time may be ahead of this node's clock. It is waited for if it is further. Default: 500 ms.
    pub clock_drift: Duration,
    /// For a peer's answer. Default: 1 s.
    pub fetch: Duration,
    /// Between two requests for one thing. Default: 100 ms.
    pub fetch_retry: Duration,
    /// After how long without a vote a validator's turns are given up at once; none waits each of its turns out. More
    /// than `certification` and `retry`. Default: 3 s.
    pub inactive: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            leader: Duration::from_secs(1),
            certification: Duration::from_secs(2),
            retry: Duration::from_secs(2),
            idle: Duration::from_millis(300),
            poll: Duration::from_millis(10),
            clock_drift: Duration::from_millis(500),
            fetch: Duration::from_secs(1),
            fetch_retry: Duration::from_millis(100),
            inactive: Some(Duration::from_secs(3)),
        }
    }
}

/// Two waits that can't go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wait `{long}` must be longer than `{short}`")]
pub struct InvalidTimeouts {
    /// The one that is too short.
    pub long: &'static str,
    /// The one that it must exceed.
    pub short: &'static str,
}

impl Timeouts {
    /// Checks what the engine takes for granted.
    ///
    /// # Errors
    ///
    /// [`InvalidTimeouts`] names the first two waits that contradict each other.
    pub fn check(&self) -> Result<(), InvalidTimeouts> {
        let zero = Duration::ZERO;
        // A proposal must also be built and travel: half of the leader's time is left for that.
        let idle = self.idle.saturating_mul(2);
        let inactive = self.inactive.unwrap_or(Duration::MAX);
        let order = [
            ("leader", self.leader, "zero", zero),
            ("certification", self.certification, "leader", self.leader),
            ("retry", self.retry, "zero", zero),
            ("leader", self.leader, "twice idle", idle),
            ("poll", self.poll, "zero", zero),
            ("fetch", self.fetch, "zero", zero),
            ("inactive", inactive, "certification", self.certification),
            ("inactive", inactive, "retry", self.retry),
        ];
        match order.into_iter().find(|(_, long, _, short)| long <= short) {
            Some((long, _, short, _)) => Err(InvalidTimeouts { long, short }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_go_together() {
        assert_eq!(Timeouts::default().check(), Ok(()));
        assert_eq!(Timeouts { inactive: None, ..Timeouts::default() }.check(), Ok(()));
    }

    #[test]
    fn waits_that_contradict_each_other_are_named() {
        let good = Timeouts::default();
        let refused = |timeouts: Timeouts| timeouts.check().map_err(|wrong| (wrong.long, wrong.short));
        let zero = Duration::ZERO;
        assert_eq!(refused(Timeouts { leader: zero, ..good }), Err(("leader", "zero")));
        assert_eq!(
            refused(Timeouts { certification: good.leader, ..good }),
            Err(("certification", "leader"))
        );
        assert_eq!(refused(Timeouts { retry: zero, ..good }), Err(("retry", "zero")));
        assert_eq!(refused(Timeouts { idle: good.leader, ..good }), Err(("leader", "twice idle")));
        assert_eq!(refused(Timeouts { poll: zero, ..good }), Err(("poll", "zero")));
        assert_eq!(refused(Timeouts { fetch: zero, ..good }), Err(("fetch", "zero")));
        let short = Some(good.certification);
        assert_eq!(refused(Timeouts { inactive: short, ..good }), Err(("inactive", "certification")));
        let retry = Duration::from_secs(20);
        assert_eq!(refused(Timeouts { retry, ..good }), Err(("inactive", "retry")));
    }
}
