//! Values on their way to and from both databases, in the five kinds that the schema uses.

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::StoreError;
use crate::domain::{organization::OrganizationId, time::Timestamp};

/// A parameter or a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&OrganizationId> for Value {
    fn from(value: &OrganizationId) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.ticks())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_owned())
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl<T> From<Option<T>> for Value
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        }))
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null | ValueRef::Real(_) => Self::Null,
            ValueRef::Integer(value) => Self::Int(value),
            ValueRef::Text(value) => Self::Text(match std::str::from_utf8(value) {
                Ok(text) => text.to_owned(),
                Err(_) => String::from_utf8_lossy(value).into_owned(),
            }),
            ValueRef::Blob(value) => Self::Bytes(value.to_owned()),
        }
    }
}

type PostgresResult<T> = Result<T, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> PostgresResult<IsNull> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => value.to_sql(ty, out),
            Self::Uuid(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA, Type::UUID].contains(ty)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Self::Int),
            Type::INT4 => i32::from_sql(ty, raw).map(|it| Self::Int(it.into())),
            Type::BOOL => bool::from_sql(ty, raw).map(Self::from),
            Type::BYTEA => Vec::from_sql(ty, raw).map(Self::Bytes),
            Type::UUID => Uuid::from_sql(ty, raw).map(Self::Uuid),
            _ => String::from_sql(ty, raw).map(Self::Text),
        }
    }

    fn from_sql_null(_: &Type) -> PostgresResult<Self> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BOOL, Type::BYTEA, Type::UUID, Type::TEXT, Type::NAME, Type::VARCHAR]
            .contains(ty)
    }
}

impl Value {
    /// Returns the type that PostgreSQL is told. A null can be cast to any other.
    pub(super) fn postgres_type(&self) -> Type {
        match self {
            Self::Null | Self::Text(_) => Type::TEXT,
            Self::Int(_) => Type::INT8,
            Self::Bytes(_) => Type::BYTEA,
            Self::Uuid(_) => Type::UUID,
        }
    }
}

/// One row of an answer. Columns are read by position; text is moved out.
#[derive(Debug)]
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    fn take(&mut self, column: usize) -> Value {
        self.0.get_mut(column).map_or(Value::Null, |it| std::mem::replace(it, Value::Null))
    }

    fn corrupt<T>(column: usize, found: &Value) -> Result<T, StoreError> {
        let found = match found {
            Value::Null => "null",
            Value::Int(_) => "an integer",
            Value::Text(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::Uuid(_) => "a GUID",
        };
        Err(StoreError::Corrupt { column, found: found.to_owned() })
    }

    pub(super) fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            other => Self::corrupt(column, other.unwrap_or(&Value::Null)),
        }
    }

    pub(super) fn count(&self, column: usize) -> Result<u32, StoreError> {
        let value = self.int(column)?;
        u32::try_from(value).or_else(|_| Self::corrupt(column, &Value::Int(value)))
    }

    pub(super) fn bool(&self, column: usize) -> Result<bool, StoreError> {
        self.int(column).map(|it| it != 0)
    }

    pub(super) fn timestamp(&self, column: usize) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_ticks)
    }

    pub(super) fn timestamp_or_null(&self, column: usize) -> Result<Option<Timestamp>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.timestamp(column).map(Some),
        }
    }

    pub(super) fn text(&self, column: usize) -> Result<String, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.clone()),
            other => Self::corrupt(column, other.unwrap_or(&Value::Null)),
        }
    }

    /// Moves a text out; a second call finds null.
    pub(super) fn take_text(&mut self, column: usize) -> Result<String, StoreError> {
        match self.take(column) {
            Value::Text(value) => Ok(value),
            other => Self::corrupt(column, &other),
        }
    }

    pub(super) fn text_or_null(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    pub(super) fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => Ok(value.clone()),
            other => Self::corrupt(column, other.unwrap_or(&Value::Null)),
        }
    }

    pub(super) fn bytes_or_null(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.bytes(column).map(Some),
        }
    }

    pub(super) fn hash(&self, column: usize) -> Result<[u8; 32], StoreError> {
        let bytes = self.bytes(column)?;
        <[u8; 32]>::try_from(bytes).or_else(|bytes| Self::corrupt(column, &Value::Bytes(bytes)))
    }

    pub(super) fn hash_or_null(&self, column: usize) -> Result<Option<[u8; 32]>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.hash(column).map(Some),
        }
    }

    pub(super) fn uuid(&self, column: usize) -> Result<Uuid, StoreError> {
        match self.0.get(column) {
            Some(Value::Uuid(value)) => Ok(*value),
            Some(Value::Bytes(value)) => {
                Uuid::from_slice(value).or_else(|_| Self::corrupt(column, &Value::Null))
            }
            other => Self::corrupt(column, other.unwrap_or(&Value::Null)),
        }
    }

    pub(super) fn uuid_or_null(&self, column: usize) -> Result<Option<Uuid>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.uuid(column).map(Some),
        }
    }

    pub(super) fn organization_id(&self, column: usize) -> Result<OrganizationId, StoreError> {
        let text = self.text(column)?;
        OrganizationId::parse(&text).map_or_else(|| Self::corrupt(column, &Value::Null), Ok)
    }
}
