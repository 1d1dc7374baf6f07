//! How the arguments and results of [`Api`](crate::Api) travel as JSON.

use parity_scale_codec::Encode as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vm_core::codec::decode_exact;
use vm_core::{Address, Hash, ObjectId, Transaction};

use crate::api::text::{HexBytes, Text};
use crate::api::trace::TraceInfo;
use crate::api::types::{
    AccountInfo, Answer, At, BlockInfo, ChunkInfo, Claim, CodeInfo, ContractInfo, ContractPage, EventFilter,
    EventPage, FinalityInfo, HeaderInfo, Level, NamedAnswer, NamedCall, ObjectFilter, ObjectInfo, ParamsInfo,
    Proof, QueryRequest, ReceiptInfo, Status, TransactionInfo, WitnessInfo,
};
use crate::{ApiError, Signed};

/// A value that crosses the wire in a form of its own.
pub trait Travels: Sized {
    /// The form.
    type Form: Serialize + DeserializeOwned + JsonSchema;
    /// Into the form.
    fn pack(self) -> Self::Form;
    /// Out of the form.
    ///
    /// # Errors
    ///
    /// [`ApiError::Request`] for a form that holds no such value.
    fn unpack(form: Self::Form) -> Result<Self, ApiError>;
}

macro_rules! as_they_are {
    ($($ty:ty),+ $(,)?) => {
        $(impl Travels for $ty {
            type Form = Self;
            fn pack(self) -> Self {
                self
            }
            fn unpack(form: Self) -> Result<Self, ApiError> {
                Ok(form)
            }
        })+
    };
}

as_they_are!(
    AccountInfo,
    Answer,
    At,
    BlockInfo,
    ChunkInfo,
    Claim,
    CodeInfo,
    ContractInfo,
    ContractPage,
    EventFilter,
    EventPage,
    FinalityInfo,
    HeaderInfo,
    Level,
    NamedAnswer,
    NamedCall,
    ObjectFilter,
    ObjectInfo,
    ParamsInfo,
    Proof,
    QueryRequest,
    ReceiptInfo,
    Status,
    TraceInfo,
    TransactionInfo,
    Vec<ObjectInfo>,
    WitnessInfo,
    i64,
    u32,
    u64,
    Option<u32>,
);

macro_rules! as_text {
    ($($ty:ty),+) => {
        $(impl Travels for $ty {
            type Form = Text<Self>;
            fn pack(self) -> Text<Self> {
                Text(self)
            }
            fn unpack(form: Text<Self>) -> Result<Self, ApiError> {
                Ok(form.0)
            }
        })+
    };
}

as_text!(Address, Hash, ObjectId);

impl Travels for Option<Address> {
    type Form = Option<Text<Address>>;

    fn pack(self) -> Self::Form {
        self.map(Text)
    }

    fn unpack(form: Self::Form) -> Result<Self, ApiError> {
        Ok(form.map(|text| text.0))
    }
}

impl Travels for Option<Vec<u8>> {
    type Form = Option<HexBytes>;

    fn pack(self) -> Self::Form {
        self.map(HexBytes)
    }

    fn unpack(form: Self::Form) -> Result<Self, ApiError> {
        Ok(form.map(|bytes| bytes.0))
    }
}

impl Travels for Transaction {
    type Form = HexBytes;

    fn pack(self) -> HexBytes {
        HexBytes(self.encode())
    }

    fn unpack(form: HexBytes) -> Result<Self, ApiError> {
        // How long it may be is the chain's to say, with a better message.
        decode_exact(&form.0, form.0.len())
            .map_err(|error| ApiError::Request(format!("these bytes are no transaction: {error}")))
    }
}

impl Travels for Signed {
    type Form = HexBytes;

    fn pack(self) -> HexBytes {
        HexBytes(self.encode())
    }

    fn unpack(form: HexBytes) -> Result<Self, ApiError> {
        Self::from_bytes(&form.0, u32::MAX)
            .map_err(|error| ApiError::Request(format!("these bytes are no signed transaction: {error}")))
    }
}
