//! What becomes of a module: our validator and the engine on it, a deployment, and calls of its functions, with arguments
//! of the types that its interface names.

use arbitrary::Unstructured;
use vm_core::interface::{Field, Flags};
use vm_core::{Address, ErrorCode, ErrorKind, Hash, Params, Payload, Status};
use vm_host::{ModuleError, ModuleInfo, validate_module};
use wasmparser::{ElementItems, ElementKind, Operator, Parser, Payload as Part};

use crate::campaign::Inputs;
use crate::chain::{Chain, Run, alice, bob};
use crate::engine::engine;
use crate::typed::{self, Pool};

/// How often a deployment is tried: not all arguments of the right types do.
const DEPLOYMENTS: u8 = 8;

/// How far a module came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) valid: bool,
    pub(crate) deployed: bool,
    /// Calls that succeeded.
    pub(crate) successes: usize,
}

/// Validates `code`, deploys it and calls its functions; `choices` begins what arguments are made of.
pub(crate) fn try_module(params: &Params, code: Vec<u8>, choices: &[u8]) -> Trial {
    let ours = validate_module(&code, params);
    // What a rule of ours refuses, the engine may well take.
    if ours.as_ref().map_or_else(says_no_wasm, |_| true) {
        let engine = engine(params);
        // wasmi 2.0 translates a function while it validates it, and asserts where operators follow a body's last `end`;
        // its validation alone is laxer about long immediates. So what we refuse must pass both.
        let validated = if ours.is_ok() { Ok(()) } else { wasmi::Module::validate(&engine, &code) };
        let theirs = validated.and_then(|()| wasmi::Module::new(&engine, &code)).map(|_| ());
        let theirs = theirs.map_err(|error| error.to_string());
        if let Some(difference) = difference(&ours, &theirs) {
            panic!("{difference}");
        }
    }
    let mut trial = Trial::default();
    let Ok(info) = ours else { return trial };
    trial.valid = true;
    let mut run = Running::new(params, code, choices);
    trial.deployed = run.deploy(&info);
    if trial.deployed {
        trial.successes = run.call(&info);
    }
    trial
}

/// Whether a refusal says that the bytes are no module under the features of the chain, by no rule or limit of ours.
fn says_no_wasm(error: &ModuleError) -> bool {
    match error {
        ModuleError::Empty | ModuleError::NotWasm | ModuleError::Malformed { .. } => true,
        ModuleError::TooLong { .. }
        | ModuleError::Limit { .. }
        | ModuleError::ForeignImport { .. }
        | ModuleError::ImportSignature { .. }
        | ModuleError::StartFunction
        | ModuleError::MemoryCount { .. }
        | ModuleError::MemoryWithoutMaximum
        | ModuleError::Operator { .. }
        | ModuleError::UnknownExport(_)
        | ModuleError::MissingExport(_)
        | ModuleError::ExportSignature(_)
        | ModuleError::ReExport(_)
        | ModuleError::NoMemoryExport
        | ModuleError::InterfaceCount { .. }
        | ModuleError::Interface(_) => false,
    }
}

/// Where validator and engine differ and must not.
fn difference(ours: &Result<ModuleInfo, ModuleError>, theirs: &Result<(), String>) -> Option<String> {
    match (ours, theirs) {
        (Ok(_), Err(error)) => Some(format!("the engine refuses what we take: {error}")),
        (Err(error), Ok(())) if says_no_wasm(error) => {
            Some(format!("the engine takes what we call no module: {error}"))
        }
        _ => None,
    }
}

/// A chain for one module.
struct Running {
    chain: Chain,
    code: Vec<u8>,
    contract: Address,
    pool: Pool,
    /// What arguments are made of: what the input says, then what follows from the module.
    choices: Vec<u8>,
    /// Whether each active element segment is within its table.
    segments_fit: bool,
}

impl Running {
    fn new(params: &Params, code: Vec<u8>, choices: &[u8]) -> Self {
        let (contract, hash) = (Chain::address(&alice(), 0, &code), Hash::of_code(&code));
        let mut more = Inputs::new(u64::from_le_bytes(*hash.0.first_chunk().unwrap()));
        let more = (0..600).map(|_| more.number().to_le_bytes()[3]);
        Self {
            chain: Chain::new(params),
            contract,
            pool: Pool { addresses: vec![alice(), bob(), contract], objects: vec![], hashes: vec![hash] },
            choices: choices.iter().copied().chain(more).collect(),
            segments_fit: segments_fit(&code),
            code,
        }
    }

    /// Arguments for `params`, each time others; `None` if a call can't have as many bytes.
    fn arguments(&mut self, params: &[Field]) -> Option<Vec<u8>> {
        let mut u = Unstructured::new(&self.choices);
        let args = typed::arguments(&mut u, params, &self.pool).ok();
        let used = self.choices.len() - u.len();
        self.choices.rotate_left(used.max(1));
        let most = usize::try_from(self.chain.params().limits().argument_bytes).unwrap();
        args.filter(|args| args.len() <= most)
    }

    /// Whether there is a contract at the end.
    fn deploy(&mut self, info: &ModuleInfo) -> bool {
        let init = info.interface.init().map(|init| init.params.clone());
        for salt in 0..DEPLOYMENTS {
            let Some(args) = self.arguments(init.as_deref().unwrap_or_default()) else { continue };
            let deployment = Chain::deployment(self.code.clone(), salt, args);
            let status = self.chain.block(&[deployment])[0].receipt.status;
            if init.is_none() {
                assert_eq!(status, Status::Success, "nothing runs, so nothing fails");
            }
            self.ends_by_itself(status);
            if status == Status::Success {
                self.contract = Chain::address(&alice(), salt, &self.code);
                self.pool.addresses.push(self.contract);
                return true;
            }
        }
        false
    }

    /// How many calls succeed.
    fn call(&mut self, info: &ModuleInfo) -> usize {
        let mut calls = vec![];
        for function in info.interface.functions.iter().filter(|function| !function.flags.has(Flags::INIT)) {
            let Some(args) = self.arguments(&function.params) else { continue };
            let (contract, function) = (self.contract, function.name.clone());
            let payload = Payload::Call { contract, function, args, value: 0 };
            calls.push(Run { sender: alice(), gas_limit: 2_000_000, payload });
            if calls.len() == 12 {
                break;
            }
        }
        let executed = self.chain.block(&calls);
        executed.iter().for_each(|executed| self.ends_by_itself(executed.receipt.status));
        executed.iter().filter(|executed| executed.receipt.status == Status::Success).count()
    }

    /// A module that we took ends by what it does: neither the call nor the module is refused.
    fn ends_by_itself(&self, status: Status) {
        let Status::Failed(code) = status else { return };
        // Permission halts where an object is changed that is not the sender's.
        let halts = code.kind() == ErrorKind::Halt || code == ErrorCode::Permission;
        // Only an element segment past its table is found when an instance starts.
        let taken = code != ErrorCode::InvalidModule || !self.segments_fit;
        assert!(halts && taken, "{code:?} is no end of a run");
    }
}

/// Whether each active element segment of a valid module is within its table.
fn segments_fit(code: &[u8]) -> bool {
    let mut elements = 0;
    for part in Parser::new(0).parse_all(code) {
        match part.unwrap() {
            Part::TableSection(section) => {
                elements = section.into_iter().map(|table| table.unwrap().ty.initial).max().unwrap_or(0);
            }
            Part::ElementSection(section) => {
                for element in section {
                    let element = element.unwrap();
                    let ElementKind::Active { offset_expr, .. } = element.kind else { continue };
                    let offset = match offset_expr.get_operators_reader().read().unwrap() {
                        Operator::I32Const { value } => value.cast_unsigned(),
                        other => panic!("without imported globals an offset is a constant: {other:?}"),
                    };
                    let count = match element.items {
                        ElementItems::Functions(functions) => functions.count(),
                        ElementItems::Expressions(_, expressions) => expressions.count(),
                    };
                    if u64::from(offset) + u64::from(count) > elements {
                        return false;
                    }
                }
            }
            _ => (),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_seen_both_ways_and_rules_of_ours_are_none() {
        let malformed = ModuleError::Malformed { offset: 9, message: "m".into() };
        assert!(difference(&Err(malformed.clone()), &Ok(())).is_some());
        assert!(difference(&Err(malformed), &Err("e".into())).is_none());
        assert!(difference(&Err(ModuleError::StartFunction), &Ok(())).is_none());
        let (_, code) = crate::module_validation::fixtures().remove(0);
        let taken = validate_module(&code, &Params::default());
        assert!(difference(&taken, &Err("e".into())).is_some());
        assert!(difference(&taken, &Ok(())).is_none());
    }
}
