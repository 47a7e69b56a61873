//! Item 8: passwords, and what else people log in with.

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// 8. 密碼及認證機制.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authentication {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// □密碼【註：帳號及密碼須符合一定之複雜度】.
    pub password: PasswordRules,
    /// □其他認證機制.
    pub other: Vec<AuthenticationMethod>,
    /// Whether a login over SSH is to need a second factor.
    pub ssh_second_factor: bool,
    /// Whether a password alone may open a login over SSH. How root may log in: `monitoring.logins.root_login`.
    pub ssh_password_logins: bool,
    /// Users who may administer the hosts (members of sudo, wheel and the like), root aside.
    pub administrators: Vec<String>,
    /// Users, or groups as `%group`, who may do so without a password.
    pub nopasswd: Vec<String>,
}

/// What a password must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordRules {
    /// Why passwords are not used.
    pub not_applicable: Option<String>,
    /// Least length, in characters.
    pub minimum_length: u32,
    /// Least number of kinds among upper case, lower case, digits and others, 0 to 4.
    pub minimum_classes: u32,
    /// Passwords that may not be used again.
    pub remembered: u32,
    /// Failures that lock an account …
    pub lockout_failures: u32,
    /// … for at least this long.
    pub lockout_for: Interval,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            not_applicable: None,
            minimum_length: 8,
            minimum_classes: 3,
            remembered: 3,
            lockout_failures: 5,
            lockout_for: Interval::minutes(15),
        }
    }
}

/// What else than a password proves who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthenticationMethod {
    /// 雙因子認證.
    TwoFactor,
    /// 多因子認證.
    MultiFactor,
    /// 生物識別.
    Biometric,
    /// 憑證或金鑰認證.
    Certificate,
    /// 單一登入.
    SingleSignOn,
}
