//! Users, sessions, API tokens, and the record of what people did.

use super::*;
use crate::access::{Access, Scope};

/// Every behaviour.
pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a_user_is_kept_once", a_user_is_kept_once),
    ("a_subject_belongs_to_one_user", a_subject_belongs_to_one_user),
    (
        "changing_a_user_ends_the_sessions",
        changing_a_user_ends_the_sessions,
    ),
    ("who_says_the_role_is_kept", who_says_the_role_is_kept),
    (
        "a_disabled_user_begins_no_session",
        a_disabled_user_begins_no_session,
    ),
    ("sessions_go_with_their_end", sessions_go_with_their_end),
    ("a_session_says_when_it_was_used", a_session_says_when_it_was_used),
    (
        "api_tokens_are_narrowed_and_touched",
        api_tokens_are_narrowed_and_touched,
    ),
    ("acts_are_paged_newest_first", acts_are_paged_newest_first),
];

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        role: Access::Viewer,
        role_claimed: false,
        password: Some(PasswordHash::new("$argon2id$".to_owned())),
        password_changed_at: Some(at(0)),
        subject: None,
        created_at: at(0),
        disabled_at: None,
    }
}

fn of_provider(name: &str, issuer: &str, subject: &str) -> User {
    User {
        password: None,
        password_changed_at: None,
        role_claimed: true,
        subject: Some(Subject {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        }),
        ..user(name)
    }
}

fn add(store: &dyn Store, user: &User) -> bool {
    store.add_user(user, &act("user.create", 0)).unwrap()
}

fn begin(store: &dyn Store, name: &str, sha256: &str, minutes: i64, end: i64) -> bool {
    let session = NewSession {
        sha256: sha256.to_owned(),
        user: name.to_owned(),
        at: at(minutes),
        expires_at: at(end),
    };
    store
        .add_session(&session, 3, &act("session.create", minutes))
        .unwrap()
}

fn whats(store: &dyn Store) -> Vec<String> {
    let acts = store.acts_before(None, 100).unwrap();
    acts.into_iter().map(|recorded| recorded.act.what).collect()
}

fn a_user_is_kept_once(store: &dyn Store) {
    let alice = user("王小明");
    assert!(!store.has_users().unwrap());
    assert!(add(store, &alice));
    assert_eq!(store.user("王小明").unwrap(), Some(alice.clone()));
    assert_eq!(store.user("王小").unwrap(), None);
    let other = User {
        role: Access::Admin,
        ..user("王小明")
    };
    assert!(!add(store, &other), "the name is taken");
    assert!(store.has_users().unwrap());
    assert_eq!(store.user("王小明").unwrap(), Some(alice));
    assert!(add(store, &user("bob")));
    let names: Vec<_> = store.users().unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["bob", "王小明"]);
    assert_eq!(
        whats(store),
        ["user.create", "user.create"],
        "what was not done is no act"
    );
}

fn a_subject_belongs_to_one_user(store: &dyn Store) {
    let alice = of_provider("alice", "https://one.example", "1");
    assert!(add(store, &alice));
    assert!(!add(store, &of_provider("bob", "https://one.example", "1")));
    assert!(
        add(store, &of_provider("carol", "https://two.example", "1")),
        "another issuer's 1"
    );
    assert!(
        add(store, &user("dave")) && add(store, &user("erin")),
        "none is not the same as none"
    );
    let subject = |issuer: &str| Subject {
        issuer: issuer.to_owned(),
        subject: "1".to_owned(),
    };
    let found = store.user_of_subject(&subject("https://one.example")).unwrap();
    assert_eq!(found, Some(alice));
    assert_eq!(
        store.user_of_subject(&subject("https://three.example")).unwrap(),
        None
    );
}

fn changing_a_user_ends_the_sessions(store: &dyn Store) {
    add(store, &user("alice"));
    add(store, &user("bob"));
    assert!(begin(store, "bob", "of-bob", 1, 100));
    let hash = PasswordHash::new("$argon2id$other".to_owned());
    let changes = [
        UserChange::Role(Access::Operator),
        UserChange::Password(hash.clone()),
        UserChange::Disable,
    ];
    for (minutes, change) in (2..).zip(&changes) {
        assert!(begin(store, "alice", "of-alice", minutes, 100));
        assert!(
            store
                .change_user("alice", change, &act("user.change", minutes))
                .unwrap()
        );
        assert_eq!(store.session("of-alice").unwrap(), None, "{change:?}");
    }
    let alice = store.user("alice").unwrap().unwrap();
    assert_eq!((alice.role, alice.password), (Access::Operator, Some(hash)));
    assert_eq!(
        (alice.password_changed_at, alice.disabled_at),
        (Some(at(3)), Some(at(4)))
    );
    let change = |name: &str, change| store.change_user(name, &change, &act("user.none", 9)).unwrap();
    assert!(!change("alice", UserChange::Disable), "it is disabled already");
    assert!(!change("alice", UserChange::Role(Access::Operator)));
    assert!(!change("nobody", UserChange::Enable));
    assert!(change("alice", UserChange::Enable));
    assert_eq!(store.user("alice").unwrap().unwrap().disabled_at, None);
    assert!(
        store.session("of-bob").unwrap().is_some(),
        "another's sessions go on"
    );
    assert_eq!(whats(store).iter().filter(|what| *what == "user.none").count(), 1);
}

fn who_says_the_role_is_kept(store: &dyn Store) {
    add(store, &of_provider("alice", "https://one.example", "1"));
    let change = |change| store.change_user("alice", &change, &act("user.role", 1)).unwrap();
    assert!(change(UserChange::ClaimedRole(Access::Auditor)));
    assert!(!change(UserChange::ClaimedRole(Access::Auditor)));
    assert!(
        change(UserChange::Role(Access::Auditor)),
        "from now on an administrator says it"
    );
    assert!(!change(UserChange::ClaimedRole(Access::Admin)));
    let alice = store.user("alice").unwrap().unwrap();
    assert_eq!((alice.role, alice.role_claimed), (Access::Auditor, false));
}

fn a_disabled_user_begins_no_session(store: &dyn Store) {
    add(store, &user("alice"));
    assert!(!begin(store, "nobody", "a", 1, 100));
    store
        .change_user("alice", &UserChange::Disable, &act("user.disable", 1))
        .unwrap();
    assert!(!begin(store, "alice", "a", 1, 100));
    assert_eq!(store.session("a").unwrap(), None);
    assert_eq!(whats(store), ["user.disable", "user.create"]);
}

fn sessions_go_with_their_end(store: &dyn Store) {
    add(store, &user("alice"));
    assert!(begin(store, "alice", "a", 0, 10));
    assert!(begin(store, "alice", "b", 10, 100));
    assert_eq!(
        store.session("a").unwrap(),
        None,
        "past its end when another began"
    );
    for (minutes, name) in (11..).zip(["c", "d", "e"]) {
        assert!(begin(store, "alice", name, minutes, 100));
    }
    assert_eq!(store.session("b").unwrap(), None, "the oldest of more than three");
    assert!(store.session("c").unwrap().is_some());
    assert!(store.end_session("c", &act("session.end", 20)).unwrap());
    assert!(!store.end_session("c", &act("session.end", 20)).unwrap());
    assert_eq!(store.session("c").unwrap(), None);
}

fn a_session_says_when_it_was_used(store: &dyn Store) {
    add(store, &user("alice"));
    begin(store, "alice", "a", 1, 100);
    store.touch_session("a", at(5)).unwrap();
    store.touch_session("a", at(4)).unwrap();
    store.touch_session("none", at(4)).unwrap();
    let session = store.session("a").unwrap().unwrap();
    assert_eq!((session.user.as_str(), session.role), ("alice", Access::Viewer));
    assert_eq!(
        (
            session.created_at,
            session.seen_at,
            session.expires_at,
            session.user_disabled_at
        ),
        (at(1), at(5), at(100), None),
        "never backwards"
    );
}

fn api_tokens_are_narrowed_and_touched(store: &dyn Store) {
    let token = ApiToken {
        id: "t-1".to_owned(),
        sha256: "hash".to_owned(),
        access: Access::Viewer,
        scopes: vec![Scope::Metrics, Scope::Hosts],
        note: String::new(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
        used_at: None,
    };
    store.add_api_token(&token, &act("api-token.create", 0)).unwrap();
    assert_eq!(store.api_token("hash").unwrap(), Some(token.clone()));
    store.touch_api_token("hash", at(60)).unwrap();
    store.touch_api_token("hash", at(30)).unwrap();
    let used = ApiToken {
        used_at: Some(at(60)),
        ..token
    };
    assert_eq!(store.api_token("hash").unwrap(), Some(used));
}

fn acts_are_paged_newest_first(store: &dyn Store) {
    for minutes in 0..5 {
        store.record_act(&act(&format!("a.{minutes}"), minutes)).unwrap();
    }
    let first = store.acts_before(None, 3).unwrap();
    let rest = store
        .acts_before(first.last().map(|recorded| recorded.id), 3)
        .unwrap();
    let whats: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|recorded| recorded.act.what.as_str())
        .collect();
    assert_eq!(whats, ["a.4", "a.3", "a.2", "a.1", "a.0"]);
    let last = rest.last().map(|recorded| recorded.id);
    assert!(store.acts_before(last, 3).unwrap().is_empty());
}
