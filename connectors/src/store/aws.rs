//! The settings of S3, from the profile, the environment and the options.

use std::collections::BTreeMap;
use std::env;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use super::options::StoreOptions;
use super::profile::read_profile;

/// Credentials are taken as a whole from one place: a session token of the environment says nothing about a key of the
/// options.
const STATIC: [AmazonS3ConfigKey; 3] =
    [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey, AmazonS3ConfigKey::Token];

/// Sets a builder up: options go before the environment, the environment before the profile, unless the options name
/// the profile.
pub(super) fn configure(builder: AmazonS3Builder, options: &StoreOptions) -> Result<AmazonS3Builder, String> {
    let environment =
        env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    let environment: BTreeMap<String, String> =
        environment.filter(|(key, value)| key.starts_with("AWS_") && !value.is_empty()).collect();
    let named = options.get("aws_profile").or(options.get("profile"));
    let names = environment.keys().map(String::as_str).chain(options.iter().map(|(key, _)| key));
    // A profile that cannot be used is no obstacle when the credentials come from elsewhere.
    let profile = match read_profile(named.or(environment.get("AWS_PROFILE").map(String::as_str))) {
        Err(_) if named.is_none() && has_credentials(names) => BTreeMap::new(),
        profile => profile?,
    };
    let settings = merge(&profile, &environment, options, named.is_some())?;
    Ok(settings.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value)))
}

fn merge(
    profile: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    options: &StoreOptions,
    profile_first: bool,
) -> Result<Vec<(AmazonS3ConfigKey, String)>, String> {
    let known = |settings: &BTreeMap<String, String>| {
        let pairs =
            settings.iter().filter_map(|(key, value)| Some((key.to_ascii_lowercase().parse().ok()?, value.clone())));
        pairs.collect::<Vec<(AmazonS3ConfigKey, String)>>()
    };
    let mut given = Vec::new();
    for (key, value) in options.iter().filter(|(key, _)| !is_ours(key)) {
        match key.parse() {
            Ok(key) => given.push((key, value.to_owned())),
            Err(_) => return Err(format!("the option `{key}` is not one of S3: see `docs/stores.md`")),
        }
    }
    let layers = match profile_first {
        // Whoever names a profile wants its identity, also where it has no static keys.
        true => {
            let mut environment = known(environment);
            environment.retain(|(key, _)| !STATIC.contains(key));
            [environment, known(profile), given]
        },
        false => [known(profile), known(environment), given],
    };
    let mut merged: Vec<(AmazonS3ConfigKey, String)> = Vec::new();
    for layer in layers {
        if layer.iter().any(|(key, _)| STATIC.contains(key)) {
            merged.retain(|(key, _)| !STATIC.contains(key));
        }
        merged.retain(|(key, _)| !layer.iter().any(|(newer, _)| same(*newer, *key)));
        merged.extend(layer);
    }
    // `AWS_REGION` goes before `AWS_DEFAULT_REGION`, whichever `object_store` would see last.
    merged.sort_by_key(|(key, _)| *key != AmazonS3ConfigKey::DefaultRegion);
    // An endpoint without encryption that was written down is meant.
    let plain = |(key, value): &(AmazonS3ConfigKey, String)| is_endpoint(*key) && value.starts_with("http://");
    if merged.iter().any(plain) {
        merged.insert(0, (AmazonS3ConfigKey::Client(object_store::ClientConfigKey::AllowHttp), "true".to_owned()));
    }
    Ok(merged)
}

/// Whether settings say whose requests these are, or that they are nobody's.
fn has_credentials<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    const NAMES: [&str; 5] = [
        "access_key_id",
        "web_identity_token_file",
        "container_credentials_relative_uri",
        "container_credentials_full_uri",
        "skip_signature",
    ];
    names.any(|name| {
        let key = name.to_ascii_lowercase();
        NAMES.contains(&key.strip_prefix("aws_").unwrap_or(&key))
    })
}

fn is_ours(key: &str) -> bool {
    matches!(key, "profile" | "aws_profile") || super::retry::is_option(key)
}

fn is_endpoint(key: AmazonS3ConfigKey) -> bool {
    matches!(key, AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint)
}

/// Whether a newer setting replaces an older one: the two names of a region and of an endpoint are one setting.
fn same(newer: AmazonS3ConfigKey, older: AmazonS3ConfigKey) -> bool {
    let region = |key| matches!(key, AmazonS3ConfigKey::Region | AmazonS3ConfigKey::DefaultRegion);
    newer == older || (region(newer) && region(older)) || (is_endpoint(newer) && is_endpoint(older))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn value(merged: &[(AmazonS3ConfigKey, String)], key: AmazonS3ConfigKey) -> Option<&str> {
        merged.iter().rfind(|(found, _)| *found == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn credentials_come_from_one_place() {
        let environment =
            map(&[("AWS_ACCESS_KEY_ID", "e"), ("AWS_SECRET_ACCESS_KEY", "e"), ("AWS_SESSION_TOKEN", "e")]);
        let profile = map(&[("aws_access_key_id", "p"), ("aws_secret_access_key", "p"), ("aws_region", "r")]);
        let given = StoreOptions::default().with("access_key_id", "o").with("secret_access_key", "o");
        let cases = [
            (given, false, "o", None),
            (StoreOptions::default(), false, "e", Some("e")),
            (StoreOptions::default().with("profile", "x"), true, "p", None),
        ];
        for (options, profile_first, key, token) in cases {
            let merged = merge(&profile, &environment, &options, profile_first).unwrap();
            assert_eq!(value(&merged, AmazonS3ConfigKey::AccessKeyId), Some(key));
            assert_eq!(value(&merged, AmazonS3ConfigKey::SecretAccessKey), Some(key));
            assert_eq!(value(&merged, AmazonS3ConfigKey::Token), token);
            assert_eq!(value(&merged, AmazonS3ConfigKey::Region), Some("r"));
        }
    }

    #[test]
    fn a_named_profile_without_keys_does_not_borrow_those_of_the_environment() {
        let environment = map(&[("AWS_ACCESS_KEY_ID", "e"), ("AWS_SECRET_ACCESS_KEY", "e")]);
        let profile = map(&[("aws_role_arn", "r"), ("aws_web_identity_token_file", "t")]);
        let merged = merge(&profile, &environment, &StoreOptions::default(), true).unwrap();
        assert_eq!(value(&merged, AmazonS3ConfigKey::AccessKeyId), None);
        assert_eq!(value(&merged, AmazonS3ConfigKey::RoleArn), Some("r"));
    }

    #[test]
    fn a_region_of_the_options_goes_before_both_of_the_environment() {
        let environment =
            map(&[("AWS_REGION", "e"), ("AWS_DEFAULT_REGION", "d"), ("AWS_ENDPOINT_URL_S3", "https://e")]);
        let merged = merge(&map(&[]), &environment, &StoreOptions::default(), false).unwrap();
        assert!(
            merged.iter().position(|(key, _)| *key == AmazonS3ConfigKey::DefaultRegion)
                < merged.iter().position(|(key, _)| *key == AmazonS3ConfigKey::Region)
        );
        let options = StoreOptions::default().with("aws_default_region", "o").with("endpoint", "http://o");
        let merged = merge(&map(&[]), &environment, &options, false).unwrap();
        assert_eq!(value(&merged, AmazonS3ConfigKey::Region), None);
        assert_eq!(value(&merged, AmazonS3ConfigKey::DefaultRegion), Some("o"));
        assert_eq!(value(&merged, AmazonS3ConfigKey::S3Endpoint), None);
        assert!(merged.iter().any(|(key, _)| matches!(key, AmazonS3ConfigKey::Client(_))));
    }

    #[test]
    fn credentials_are_known_by_their_names() {
        for name in ["AWS_ACCESS_KEY_ID", "skip_signature", "aws_web_identity_token_file"] {
            assert!(has_credentials(["region", name].into_iter()), "{name}");
        }
        assert!(!has_credentials(["AWS_REGION", "aws_endpoint_url", "AWS_PROFILE"].into_iter()));
    }

    #[test]
    fn unknown_options_are_refused() {
        let error = merge(&map(&[]), &map(&[]), &StoreOptions::default().with("acess_key", "x"), false).unwrap_err();
        assert!(error.contains("`acess_key`"));
    }
}
