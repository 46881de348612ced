//! The profile files of the AWS tools, which `object_store` does not read.
//!
//! Static keys, the region, the endpoint and web identity roles are taken over. What needs a dialogue with other
//! services (single sign-on, chained roles, credential processes) is left to the AWS tools: the error says how to get
//! keys from them.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

/// The settings that `object_store` knows by the name that they have in a profile, after a prefix.
const TAKEN: [&str; 6] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "region",
    "role_arn",
    "web_identity_token_file",
];

const NOT_TAKEN: [&str; 4] = ["sso_session", "sso_start_url", "credential_process", "source_profile"];

/// The settings of a profile as options of `object_store`. No file, or no such section in a default profile, is no error.
pub(super) fn read_profile(named: Option<&str>) -> Result<BTreeMap<String, String>, String> {
    let file = |variable: &str, name: &str| {
        let below_home = || env::home_dir().map(|home| home.join(".aws").join(name));
        env::var_os(variable).map(PathBuf::from).or_else(below_home)
    };
    let mut texts = Vec::new();
    for path in [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
        texts.push(match path.as_ref().map(fs::read_to_string) {
            Some(Ok(text)) => text,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                let path = path.unwrap_or_default();
                return Err(format!("the profile file `{}` cannot be read: {error}", path.display()));
            },
            _ => String::new(),
        });
    }
    select(&texts[0], &texts[1], named)
}

fn select(config: &str, credentials: &str, named: Option<&str>) -> Result<BTreeMap<String, String>, String> {
    let name = named.unwrap_or("default");
    let mut settings = section(config, &[&format!("profile {name}"), name]);
    // Of both files, that of the credentials goes before.
    settings.extend(section(credentials, &[name]));
    if settings.is_empty() && named.is_some() {
        return Err(format!(
            "there is no profile `{name}` in `~/.aws/config` or `~/.aws/credentials`: create it, or unset `AWS_PROFILE`"
        ));
    }
    let complete = settings.contains_key("aws_access_key_id")
        || (settings.contains_key("role_arn") && settings.contains_key("web_identity_token_file"));
    if let Some(key) = NOT_TAKEN.iter().find(|key| settings.contains_key(**key)).filter(|_| !complete) {
        return Err(format!(
            "the profile `{name}` uses `{key}`, which only the AWS tools can follow: run `eval \"$(aws configure \
             export-credentials --profile {name} --format env)\"` first"
        ));
    }
    let endpoint = settings.remove("endpoint_url").map(|url| ("aws_endpoint_url".to_owned(), url));
    let taken = settings.into_iter().filter(|(key, _)| TAKEN.contains(&key.as_str()));
    let prefixed = taken.map(|(key, value)| match key.starts_with("aws_") {
        true => (key, value),
        false => (format!("aws_{key}"), value),
    });
    Ok(prefixed.chain(endpoint).collect())
}

/// The settings of the sections with one of the names. Indented lines belong to a setting above them (`s3 =`) and are
/// no settings of the profile.
fn section(text: &str, names: &[&str]) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')).map(|(name, _)| name) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            inside = names.contains(&name.as_str());
        } else if let Some((key, value)) = line.split_once('=').filter(|(_, value)| inside && !value.trim().is_empty())
        {
            let value = value.split(" #").next().unwrap_or_default();
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# comment
[default]
region = eu-west-1
s3 =
  region = indented
[profile  work ]
region=us-east-2   # comment
endpoint_url = http://localhost:9000
aws_access_key_id = from-config
[profile web]
role_arn = arn:x
web_identity_token_file = /t
[profile sso]
sso_session = s
";
    const CREDENTIALS: &str = "[default]\naws_access_key_id = A\naws_secret_access_key = a=b\n[work]\naws_access_key_id=W\naws_secret_access_key=w\naws_session_token=t\n";

    fn pairs(profile: Option<&str>) -> Vec<(String, String)> {
        select(CONFIG, CREDENTIALS, profile).unwrap().into_iter().collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_profile_is_merged_from_both_files() {
        let default = [("aws_access_key_id", "A"), ("aws_region", "eu-west-1"), ("aws_secret_access_key", "a=b")];
        assert_eq!(pairs(None), owned(&default));
        let work = [
            ("aws_access_key_id", "W"),
            ("aws_endpoint_url", "http://localhost:9000"),
            ("aws_region", "us-east-2"),
            ("aws_secret_access_key", "w"),
            ("aws_session_token", "t"),
        ];
        assert_eq!(pairs(Some("work")), owned(&work));
        assert_eq!(pairs(Some("web")), owned(&[("aws_role_arn", "arn:x"), ("aws_web_identity_token_file", "/t")]));
    }

    #[test]
    fn a_profile_that_is_missing_or_needs_a_dialogue_is_an_error() {
        assert!(select(CONFIG, CREDENTIALS, Some("nope")).unwrap_err().contains("no profile `nope`"));
        assert!(select(CONFIG, CREDENTIALS, Some("sso")).unwrap_err().contains("aws configure"));
        assert!(select("", "", None).unwrap().is_empty());
    }
}
