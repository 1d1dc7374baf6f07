//! A profile as text and as files: a table, folded stacks, a flame graph, speedscope's format.
//!
//! What halted calls forfeit is all they had left, mostly far more than anything took. The table and the folded stacks
//! have it; the two that are looked at would show nothing else, so they say how much it is and leave it out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use inferno::flamegraph::{Options, from_lines};
use serde::Serialize;
use serde_json::{Value, json};
use vm_core::{Gas, Status};

use super::Profile;
use super::tree::{Node, Place};
use crate::value::grouped;

/// The table's rows that text shows.
const ROWS_SHOWN: usize = 40;
/// Fuel of a gas.
const FUEL: u64 = Gas(1).to_fuel();

/// A place, wherever in the tree it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// The contract, for a function of a module.
    pub contract: Option<String>,
    /// Fuel that it took itself.
    pub own_fuel: u64,
    /// Fuel that it and what it called took; once where it calls itself.
    pub total_fuel: u64,
    /// How often it was entered.
    pub calls: u64,
}

impl Profile {
    /// All places, those that took most themselves first.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut sums: BTreeMap<&Place, (u64, u64, u64)> = BTreeMap::new();
        self.tree.walk(|path| {
            let Some(node) = path.last() else { return };
            let own = sums.entry(&node.place).or_default();
            own.0 = own.0.saturating_add(node.fuel);
            own.2 = own.2.saturating_add(node.count);
            if node.fuel > 0 {
                let around: BTreeSet<&Place> = path.iter().map(|node| &node.place).collect();
                for place in around {
                    let total = &mut sums.entry(place).or_default().1;
                    *total = total.saturating_add(node.fuel);
                }
            }
        });
        let row = |(place, (own_fuel, total_fuel, calls)): (&Place, (u64, u64, u64))| Row {
            name: self.labels.label(place),
            contract: self.labels.owner(place).map(str::to_owned),
            own_fuel,
            total_fuel,
            calls,
        };
        let mut rows: Vec<Row> = sums.into_iter().map(row).collect();
        rows.sort_by(|a, b| {
            b.own_fuel
                .cmp(&a.own_fuel)
                .then(b.total_fuel.cmp(&a.total_fuel))
                .then_with(|| a.name.cmp(&b.name))
        });
        rows
    }

    /// The table for people: gas of each function, itself and with what it called.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_text(&mut out);
        out
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let status = match self.status {
            Status::Success => "success".to_owned(),
            Status::Reverted => "reverted".to_owned(),
            Status::Failed(code) => format!("failed: {code:?}"),
        };
        writeln!(out, "{}  {status}, {} gas used", self.title, grouped(self.gas_used.into()))?;
        writeln!(
            out,
            "{} gas burned ({} fuel), {} of it refunded; {} fuel in this profile, deviation {}",
            gas(self.fuel),
            grouped(self.fuel.into()),
            grouped(self.gas_refunded.into()),
            grouped(self.attributed().into()),
            self.deviation(),
        )?;
        writeln!(out)?;
        writeln!(out, "{:>16} {:>6} {:>16} {:>9}", "own gas", "", "with callees", "calls")?;
        let rows = self.rows();
        for row in rows.iter().take(ROWS_SHOWN) {
            let name = match &row.contract {
                Some(contract) => format!("{contract}: {}", row.name),
                None => row.name.clone(),
            };
            let share = share(row.own_fuel, self.attributed());
            let (own, total) = (gas(row.own_fuel), gas(row.total_fuel));
            let calls = grouped(row.calls.into());
            writeln!(out, "{own:>16} {share:>6} {total:>16} {calls:>9}  {}", clean(&name))?;
        }
        if let Some(more) = rows.len().checked_sub(ROWS_SHOWN).filter(|more| *more > 0) {
            writeln!(out, "{:>16} {:>6} {:>16} {:>9}  and {more} more", "", "", "", "")?;
        }
        if self.tree.truncated {
            writeln!(out, "\nthe tree is cut: fuel of what was called past its bounds is with the callers")?;
        }
        for unused in &self.unused {
            writeln!(out, "\n{unused}: its code did not run")?;
        }
        Ok(())
    }

    /// Folded stacks: a line per stack, places outermost first with `;` between them, then its own fuel. Sorted.
    #[must_use]
    pub fn to_folded(&self) -> String {
        let mut out = String::new();
        for (stack, fuel) in self.stacks(|_| true) {
            let _ = writeln!(out, "{stack} {fuel}");
        }
        out
    }

    fn stacks(&self, wanted: impl Fn(&Place) -> bool) -> BTreeMap<String, u64> {
        let mut stacks = BTreeMap::new();
        self.tree.walk(|path| {
            let Some(node) = path.last().filter(|node| node.fuel > 0 && wanted(&node.place)) else { return };
            let stack: Vec<String> =
                path.iter().map(|node| foldable(&self.labels.label(&node.place))).collect();
            let sum: &mut u64 = stacks.entry(stack.join(";")).or_default();
            *sum = sum.saturating_add(node.fuel);
        });
        stacks
    }

    /// A flame graph in fuel, as SVG.
    ///
    /// # Errors
    ///
    /// Where nothing took fuel: a transaction without gas, where transactions cost nothing by themselves.
    pub fn to_svg(&self) -> io::Result<Vec<u8>> {
        let mut options = Options::default();
        options.title = format!("{}: {} gas", clean(&self.title), gas(self.attributed()));
        options.subtitle = Some(self.about());
        options.count_name = "fuel".to_owned();
        // Colours by name, not by chance.
        options.deterministic = true;
        let lines: Vec<String> = self
            .stacks(|place| *place != Place::Forfeited)
            .iter()
            .map(|(stack, fuel)| format!("{stack} {fuel}"))
            .collect();
        let mut svg = Vec::new();
        from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
        Ok(svg)
    }

    /// The unit, and what is left out of a picture.
    fn about(&self) -> String {
        let mut about = format!("in fuel; {FUEL} units are a gas");
        match self.forfeited() {
            0 => {}
            fuel => {
                let _ = write!(about, "; not shown: {} gas that halted calls forfeit", gas(fuel));
            }
        }
        about
    }

    /// Fuel that halted calls had left.
    fn forfeited(&self) -> u64 {
        let mut sum = 0u64;
        self.tree.walk(|path| {
            if let Some(node) = path.last().filter(|node| node.place == Place::Forfeited) {
                sum = sum.saturating_add(node.fuel);
            }
        });
        sum
    }

    /// speedscope's file format: in order of time where the timeline was kept, else stacks with their weights.
    #[must_use]
    pub fn to_speedscope(&self) -> Value {
        let mut frames: BTreeMap<&Place, usize> = BTreeMap::new();
        self.tree.walk(|path| {
            if let Some(node) = path.last().filter(|node| node.place != Place::Forfeited) {
                let next = frames.len();
                frames.entry(&node.place).or_insert(next);
            }
        });
        let mut shared: Vec<(usize, Value)> = frames
            .iter()
            .map(|(place, index)| {
                let mut frame = json!({ "name": clean(&self.labels.label(place)) });
                if let Some(contract) = self.labels.owner(place) {
                    frame["file"] = clean(contract).into();
                }
                (*index, frame)
            })
            .collect();
        shared.sort_by_key(|(index, _)| *index);
        let shared: Vec<Value> = shared.into_iter().map(|(_, frame)| frame).collect();
        let index = |node: &Node| frames.get(&node.place).copied().unwrap_or_default();
        let name = format!("{}: {}", clean(&self.title), self.about());
        let total = self.attributed().saturating_sub(self.forfeited());
        let mut profile = json!({ "name": name, "unit": "none", "startValue": 0, "endValue": total });
        match &self.timeline {
            Some(timeline) => {
                // Time stands still while something is forfeited.
                let (mut stopped, mut skipped) = (0u64, 0u64);
                let mut events = Vec::new();
                for moment in timeline {
                    let Some(node) = self.tree.node(moment.node) else { continue };
                    match (&node.place, moment.enters) {
                        (Place::Forfeited, true) => stopped = moment.at,
                        (Place::Forfeited, false) => skipped += moment.at - stopped,
                        (_, enters) => {
                            let (kind, at) = (if enters { "O" } else { "C" }, moment.at - skipped);
                            events.push(json!({ "type": kind, "frame": index(node), "at": at }));
                        }
                    }
                }
                profile["type"] = "evented".into();
                profile["events"] = events.into();
            }
            None => {
                let (mut samples, mut weights) = (Vec::new(), Vec::new());
                self.tree.walk(|path| {
                    if let Some(node) =
                        path.last().filter(|node| node.fuel > 0 && node.place != Place::Forfeited)
                    {
                        samples.push(path.iter().map(|node| index(node)).collect::<Vec<_>>());
                        weights.push(node.fuel);
                    }
                });
                profile["type"] = "sampled".into();
                profile["samples"] = json!(samples);
                profile["weights"] = json!(weights);
            }
        }
        json!({
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "name": name,
            "exporter": concat!("vm ", env!("CARGO_PKG_VERSION")),
            "activeProfileIndex": 0,
            "shared": { "frames": shared },
            "profiles": [profile],
        })
    }
}

/// Fuel in gas, exactly: an eighth has three decimals.
fn gas(fuel: u64) -> String {
    let (whole, eighths) = (fuel / FUEL, fuel % FUEL);
    format!("{}.{:03}", grouped(whole.into()), eighths * 1000 / FUEL)
}

/// A part of the whole, in percent with a decimal.
fn share(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// Names come from modules: nothing that steers a terminal.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A name that a line of folded stacks can hold: `;` parts places, and a number behind a space is a count.
fn foldable(name: &str) -> String {
    let name = clean(name).replace(';', ",");
    match name.rsplit_once(' ') {
        Some((front, last)) if last.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            format!("{front}_{last}")
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_is_shown_as_gas_to_the_eighth() {
        assert_eq!(gas(0), "0.000");
        assert_eq!(gas(8 * 12_345 + 7), "12_345.875");
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(0, 0), "0.0%");
    }

    #[test]
    fn names_do_not_break_folded_lines() {
        assert_eq!(foldable("<[u8; 4] as T>::f"), "<[u8, 4] as T>::f");
        assert_eq!(foldable("line 12"), "line_12");
        assert_eq!(foldable("a\n\u{1b}b 1.5 "), "a??b 1.5_");
        assert_eq!(foldable("function #12"), "function #12");
    }
}
