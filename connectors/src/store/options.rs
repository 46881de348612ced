//! Options of a store, as the user gives them.

use std::collections::BTreeMap;
use std::fmt;

/// Key-value options for a store: the names of Polars' `storage_options` and of `object_store`'s configuration
/// (`aws_access_key_id`, `region`, `endpoint`, `google_service_account`, `azure_storage_account_key`, `timeout`, …), in any
/// case. What is given here goes before the environment. `docs/stores.md` lists them.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct StoreOptions {
    entries: BTreeMap<String, String>,
}

impl StoreOptions {
    /// Adds or replaces one option.
    #[must_use]
    pub fn with(mut self, key: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.entries.insert(key.as_ref().to_ascii_lowercase(), value.into());
        self
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for StoreOptions {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::default(), |options, (key, value)| options.with(key, value))
    }
}

/// The names only: the values may be secrets.
impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_shown() {
        let options = StoreOptions::from_iter([("AWS_SECRET_ACCESS_KEY", "hush")]).with("region", "x");
        assert_eq!(format!("{options:?}"), r#"{"aws_secret_access_key", "region"}"#);
        assert_eq!(options.get("aws_secret_access_key"), Some("hush"));
    }
}
