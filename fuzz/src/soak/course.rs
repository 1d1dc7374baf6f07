//! What the store must show: all that the worker said was durable, and of what it had begun nothing or the whole.

use std::collections::BTreeMap;

use vm_core::Hash;

use super::message::{Name, Said, Step};
use super::stop::{Stop, equal_hash};

/// Blocks so far below the head are not remembered: the store does not go back to them.
const REMEMBERED: u64 = 400;

/// The course of the chain, as the worker tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// The hashes of blocks that were executed, those that were rolled back included: they come again.
    blocks: BTreeMap<u64, Hash>,
    /// The last head that was said to be durable.
    head: Option<u64>,
    /// What was begun since.
    begun: Option<Step>,
    /// What the last kill hit, where it hit a step that moves the head.
    hit: Option<Hit>,
}

/// How a step was found that a kill has hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// Nothing of it.
    Undone,
    /// All of it.
    Done,
}

impl Course {
    /// That of a store of which `blocks` are known, and nothing of its head: what was said last was not kept.
    pub(super) fn known(blocks: BTreeMap<u64, Hash>) -> Self {
        Self { blocks, ..Self::default() }
    }

    /// The blocks that are known.
    pub(super) fn blocks(&self) -> &BTreeMap<u64, Hash> {
        &self.blocks
    }

    /// The last head that was said to be durable.
    pub(super) fn head(&self) -> Option<u64> {
        self.head
    }

    /// What the kill before the store was opened has hit; once.
    pub(super) fn take_hit(&mut self) -> Option<Hit> {
        self.hit.take()
    }

    /// Hears a line.
    ///
    /// # Errors
    ///
    /// [`Stop::Differs`] for a block that was another before, and for a head that is not what was durable.
    pub(super) fn hear(&mut self, said: &Said) -> Result<(), Stop> {
        match said {
            Said::Opened(name) => self.opened(*name)?,
            Said::Has(name) => self.know(*name, "a block that the store has")?,
            Said::Begun(step) => {
                if let Step::Commit(name) = step {
                    self.on_head(name.height, "the block that is committed")?;
                    self.know(*name, "a block that was executed")?;
                }
                self.begun = Some(*step);
            }
            Said::Committed { name, .. } => {
                self.done(Step::Commit(*name))?;
                self.head = Some(name.height);
                self.blocks = self.blocks.split_off(&name.height.saturating_sub(REMEMBERED));
            }
            Said::Rolled(name) => {
                self.done(Step::Rollback(name.height))?;
                self.know(*name, "the block that was rolled back to")?;
                self.head = Some(name.height);
            }
            Said::Pruned(below) => self.done(Step::Prune(*below))?,
            Said::Restored { name, .. } => self.know(*name, "the block of a snapshot")?,
            Said::Revisited(_) | Said::Done | Said::Found(_) => (),
        }
        Ok(())
    }

    fn opened(&mut self, name: Name) -> Result<(), Stop> {
        if let Some(head) = self.head {
            let begun = match self.begun {
                Some(Step::Commit(name)) => Some(name.height),
                Some(Step::Rollback(height)) => Some(height),
                Some(Step::Prune(_)) | None => None,
            };
            if name.height != head && Some(name.height) != begun {
                let begun = begun.map(|height| format!(", or {height}, which was begun")).unwrap_or_default();
                return Err(Stop::Differs {
                    height: name.height,
                    what: "the head of the store that was opened".into(),
                    expected: format!("{head}, which was said to be durable{begun}"),
                    found: name.height.to_string(),
                });
            }
        }
        self.know(name, "the head of the store that was opened")?;
        let moves = matches!(self.begun, Some(Step::Commit(_) | Step::Rollback(_)));
        if let Some(head) = self.head.filter(|_| moves) {
            self.hit = Some(if name.height == head { Hit::Undone } else { Hit::Done });
        }
        (self.head, self.begun) = (Some(name.height), None);
        Ok(())
    }

    fn know(&mut self, name: Name, what: &str) -> Result<(), Stop> {
        let known = *self.blocks.entry(name.height).or_insert(name.hash);
        equal_hash(name.height, format_args!("the hash of {what}"), known, name.hash)
    }

    fn on_head(&self, height: u64, what: &str) -> Result<(), Stop> {
        let expected = self.head.map(|head| head + 1);
        super::stop::equal(height, format_args!("the height of {what}"), &expected, &Some(height))
    }

    fn done(&mut self, step: Step) -> Result<(), Stop> {
        let height = self.head.unwrap_or_default();
        super::stop::equal(height, "the step that is done", &self.begun, &Some(step))?;
        self.begun = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(height: u64, tag: u8) -> Name {
        Name { height, hash: Hash([tag; 32]) }
    }

    fn committed(name: Name) -> Said {
        Said::Committed { name, transactions: 1, succeeded: 1, gas: 1, entries: 1 }
    }

    fn after(lines: &[Said]) -> Course {
        let mut course = Course::default();
        lines.iter().for_each(|said| course.hear(said).unwrap());
        course
    }

    fn refusal(course: &Course, said: &Said) -> String {
        course.clone().hear(said).unwrap_err().to_string()
    }

    /// Block 5 is durable, block 6 was begun.
    fn in_the_midst() -> Course {
        let (five, six) = (name(5, 5), name(6, 6));
        let begun = |name| Said::Begun(Step::Commit(name));
        after(&[Said::Opened(name(4, 4)), begun(five), committed(five), begun(six)])
    }

    #[test]
    fn a_block_that_was_begun_is_there_or_not() {
        for (found, hit) in [(name(5, 5), Hit::Undone), (name(6, 6), Hit::Done)] {
            let mut course = in_the_midst();
            course.hear(&Said::Opened(found)).unwrap();
            assert_eq!((course.take_hit(), course.take_hit()), (Some(hit), None));
            course.hear(&Said::Opened(found)).unwrap();
            assert_eq!(course.take_hit(), None, "nothing was begun since");
        }
    }

    #[test]
    fn a_durable_block_that_is_lost_is_reported() {
        let text = refusal(&in_the_midst(), &Said::Opened(name(4, 4)));
        assert!(
            text.contains("4, expected 5, which was said to be durable, or 6, which was begun"),
            "{text}"
        );
        let text = refusal(&in_the_midst(), &Said::Opened(name(7, 7)));
        assert!(text.contains("7, expected 5"), "{text}");
    }

    #[test]
    fn a_block_with_another_hash_is_reported() {
        for said in [Said::Opened(name(5, 9)), Said::Opened(name(6, 9)), Said::Has(name(5, 9))] {
            let text = refusal(&in_the_midst(), &said);
            assert!(text.contains(&Hash([9; 32]).to_string()), "{text}");
        }
    }

    #[test]
    fn a_block_that_comes_again_must_be_the_same() {
        let mut course = in_the_midst();
        for said in [committed(name(6, 6)), Said::Begun(Step::Rollback(5)), Said::Rolled(name(5, 5))] {
            course.hear(&said).unwrap();
        }
        course.clone().hear(&Said::Begun(Step::Commit(name(6, 6)))).unwrap();
        let text = refusal(&course, &Said::Begun(Step::Commit(name(6, 7))));
        assert!(text.contains("a block that was executed"), "{text}");
        let text = refusal(&course, &Said::Rolled(name(5, 5)));
        assert!(text.contains("the step that is done"), "{text}");
        let text = refusal(&course, &Said::Begun(Step::Commit(name(8, 8))));
        assert!(text.contains("Some(8), expected Some(6)"), "{text}");
    }

    #[test]
    fn a_rollback_that_was_begun_is_done_or_not() {
        let mut course = in_the_midst();
        course.hear(&committed(name(6, 6))).unwrap();
        course.hear(&Said::Begun(Step::Rollback(4))).unwrap();
        course.clone().hear(&Said::Opened(name(6, 6))).unwrap();
        course.clone().hear(&Said::Opened(name(4, 4))).unwrap();
        let text = refusal(&course, &Said::Opened(name(5, 5)));
        assert!(text.contains("5, expected 6, which was said to be durable, or 4"), "{text}");
    }

    #[test]
    fn of_a_store_whose_head_is_not_known_the_blocks_are() {
        let course = Course::known(BTreeMap::from([(5, Hash([5; 32]))]));
        course.clone().hear(&Said::Opened(name(5, 5))).unwrap();
        course.clone().hear(&Said::Opened(name(8, 8))).unwrap();
        let text = refusal(&course, &Said::Opened(name(5, 6)));
        assert!(text.contains("the head of the store"), "{text}");
    }
}
