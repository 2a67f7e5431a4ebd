//! Values as values of another type: what `cast` gives.

use odata::{schema::Type, tree::Expr};

use super::{
    Translator,
    values::{Form, Operand, days_of, time_of},
};
use crate::storage::dialect::Dialect;

impl Translator {
    /// Returns a value as a value of type `ty`; null where it is none.
    pub(super) fn cast(&mut self, inner: &Expr, ty: Type) -> Operand {
        let form = Form::of_cast(inner, ty);
        let Some(source) = inner.ty else { return self.operand(inner, form) };
        let value = self.value(inner);
        let sql = match (source, ty) {
            (_, Type::String) => {
                let sql = self.text_of(&value, source);
                return Operand::new(sql, form, value.is_nullable);
            }
            (Type::String, Type::Boolean) => format!("liaison_boolean({})", value.sql),
            (Type::String, Type::Integer) => format!("liaison_whole({})", value.sql),
            (Type::String, Type::Decimal) => format!("liaison_decimal({})", value.sql),
            (Type::String, Type::Guid) => format!("liaison_guid({})", value.sql),
            (Type::String, Type::DateTime) => format!("liaison_moment_of({})", value.sql),
            (Type::String, Type::Date) => format!("liaison_date({})", value.sql),
            (Type::Decimal, Type::Integer) => format!("liaison_trunc({})", value.sql),
            (Type::Integer, Type::Decimal) => return self.in_form(value, Form::Number),
            (Type::DateTime, Type::Date) => days_of(&value.sql),
            (Type::DateTime, Type::Time) => time_of(&value.sql),
            // The checker lets nothing else through but casts to the own type.
            _ => value.sql,
        };
        Operand::new(sql, form, true)
    }

    fn text_of(&self, value: &Operand, source: Type) -> String {
        let sql = &value.sql;
        match (source, value.form, self.dialect) {
            (Type::String | Type::Enum(_), ..) => sql.clone(),
            (Type::Boolean, ..) => format!("liaison_boolean_text({sql})"),
            (Type::Guid, ..) => format!("liaison_guid_text({sql})"),
            (Type::DateTime, ..) => format!("liaison_moment_text({sql})"),
            (Type::Date, ..) => format!("liaison_date_text({sql})"),
            (Type::Time, ..) => format!("liaison_time_text({sql})"),
            (Type::Duration, ..) => format!("liaison_span_text({sql})"),
            (Type::Integer | Type::Decimal, Form::Number, Dialect::Sqlite) => sql.clone(),
            (Type::Integer | Type::Decimal, Form::Number, Dialect::Postgres) => {
                format!("CAST(trim_scale({sql}) AS text)")
            }
            (Type::Integer | Type::Decimal, ..) => format!("CAST({sql} AS text)"),
        }
    }
}
