//! The OpenAPI 3.1 document, made from the operations that the router is made from.

use axum::Json;
use axum::routing::get;
use plumbline_config::catalogue::IncidentKind;
use serde_json::{Map, Value, json};

use crate::access::{Access, Scope};
use crate::records::action::Stage;
use crate::records::incident::{ClockState, IncidentState};
use crate::records::waiver::WaiverState;
use crate::web::api::{JSON, Operation, operations};
use crate::web::cookie;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/openapi.json",
    access: Access::Viewer,
    summary: "This document.",
    parameters: &[],
    body: None,
    answer: (JSON, || json!({"type": "object"})),
    route: || get(|| async { Json(document()) }),
}];

/// An object with these members, all of them always there.
pub(crate) fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}

/// A schema by its name.
pub(crate) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The document.
pub(crate) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(operation.method.to_owned(), describe(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plumbline collector",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Times are RFC 3339 in UTC. Everything here but signing in wants an API token or the cookie of a session.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token as password; any user name. For what only reads."},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie::SESSION, "description": "What signing in gives; what changes something must then come from this collector's own pages (Sec-Fetch-Site or Origin)."},
            },
        },
        "security": [{"bearer": []}, {"basic": []}, {"session": []}],
    })
}

fn describe(operation: &Operation) -> Value {
    let parameters: Vec<Value> = operation
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "in": parameter.place,
                "name": parameter.name,
                "description": parameter.description,
                "required": parameter.place == "path",
                "schema": {"type": "string"},
            })
        })
        .collect();
    let (media, schema) = operation.answer;
    let mut described = json!({
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            "2XX": {"description": "Done.", "content": {media: {"schema": schema()}}},
            "default": {
                "description": "Refused.",
                "content": {"application/problem+json": {"schema": reference("Problem")}},
            },
        },
    });
    if let Some(members) = described.as_object_mut() {
        if operation.is_open() {
            members.insert("description".to_owned(), json!("Wants no credential."));
            members.insert("security".to_owned(), json!([]));
        } else {
            let scope = Scope::of(operation.path);
            let role = format!("Wants the role {} or more", operation.access);
            let said = match scope {
                Some(scope) => format!("{role}; a token with scopes must have {scope} among them."),
                None => format!("{role}, and a token without scopes."),
            };
            members.insert("description".to_owned(), json!(said));
            members.insert("x-role".to_owned(), json!(operation.access));
            members.insert("x-scope".to_owned(), json!(scope));
        }
    }
    if let (Some((media, schema)), Some(members)) = (operation.body, described.as_object_mut()) {
        let body = json!({"required": true, "content": {media: {"schema": schema()}}});
        members.insert("requestBody".to_owned(), body);
    }
    described
}

/// Names of the roles of users and API tokens.
pub(crate) const ROLES: [&str; 4] = ["viewer", "auditor", "operator", "admin"];

fn schemas() -> Value {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer"});
    let time = || json!({"type": "string", "format": "date-time"});
    let or_null = |mut schema: Value| {
        schema["type"] = json!([schema["type"], "null"]);
        schema
    };
    let names = |names: &[&str]| json!({"type": "string", "enum": names});
    let texts = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    let both = || {
        object(&[
            ("zh-TW", json!({"type": "string"})),
            ("en", json!({"type": "string"})),
        ])
    };
    let role = || names(&["service", "office"]);
    let severity = || names(&["low", "medium", "high", "critical"]);
    let line_status = || names(&["conforming", "partly", "nonconforming", "not-applicable"]);
    let measured = || names(&["pass", "fail", "not-applicable", "error", "manual"]);
    let shown = || {
        names(&[
            "pass",
            "fail",
            "not-applicable",
            "error",
            "manual",
            "stale",
            "waived",
        ])
    };
    json!({
        "Problem": object(&[("type", text()), ("title", text()), ("status", number()), ("detail", text())]),
        "Host": object(&[
            ("id", text()), ("name", text()), ("role", role()), ("state", names(&["fresh", "stale", "revoked"])),
            ("labels", texts()), ("os", texts()), ("agent_version", text()), ("incarnation", number()),
            ("enrolled_at", time()), ("heard_at", time()), ("age_seconds", number()),
            ("plan", json!({"type": ["object", "null"]})),
            ("clock_skew_seconds", json!({"type": ["number", "null"]})),
            ("certificate_not_after", or_null(time())), ("revoked_at", or_null(time())),
            ("conflict_at", or_null(time())), ("reports", number()), ("last_sequence", number()),
            ("missing_reports", number()), ("forks", number()),
        ]),
        "Finding": object(&[
            ("host", object(&[("id", text()), ("name", text()), ("role", role())])),
            ("check", text()), ("clause", text()), ("status", shown()), ("measured_status", measured()),
            ("severity", severity()), ("subject", text()), ("summary", both()), ("expected", json!({})),
            ("actual", json!({})), ("remediation", both()), ("evidence", json!({})), ("observed_at", time()),
            ("received_at", time()), ("age_seconds", number()), ("since", time()),
            ("known_check", json!({"type": "boolean"})),
        ]),
        "Checklist": object(&[
            ("period", text()), ("as_of", time()), ("generated_at", time()),
            ("plan", json!({"type": ["object", "null"]})),
            ("particulars", json!({"type": "array", "items": {"type": "object"}})),
            ("items", json!({"type": "array", "items": object(&[
                ("number", number()), ("title", both()), ("status", line_status()),
                ("lines", json!({"type": "array", "items": object(&[
                    ("id", text()), ("clause", text()), ("title", both()), ("status", line_status()),
                    ("basis", names(&["measured", "attested", "none"])),
                    ("hosts", json!({"type": "object", "additionalProperties": {"type": "integer"}})),
                    ("checks", json!({"type": "array", "items": {"type": "object"}})),
                    ("attestation", json!({"type": ["object", "null"]})),
                    ("due_at", or_null(time())),
                    ("corrective_action", json!({"type": ["object", "null"]})),
                    ("incidents", json!({"type": "array", "items": {"type": "object"}})),
                ])})),
            ])})),
        ]),
        "EvidenceFile": object(&[
            ("name", json!({"type": "string"})),
            ("media_type", json!({"type": "string"})),
            ("size", json!({"type": "integer", "minimum": 1})),
            ("sha256", json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})),
        ]),
        "Attestation": object(&[
            ("id", text()), ("at", time()), ("by", text()),
            ("lines", json!({"type": "array", "items": {"type": "string"}})),
            ("effective_on", text()), ("performed_by", text()), ("statement", text()),
            ("files", json!({"type": "array", "items": {"type": "object"}})),
            ("withdrawn", json!({"type": ["object", "null"]})), ("corrected_by", or_null(text())),
        ]),
        "Waiver": object(&[
            ("id", text()), ("state", names(&WaiverState::ALL.map(WaiverState::name))), ("at", time()), ("by", text()),
            ("check", text()), ("hosts", json!({"type": "object"})), ("reason", text()), ("compensating", text()),
            ("from", text()), ("until", text()), ("decision", json!({"type": ["object", "null"]})),
            ("ended", json!({"type": ["object", "null"]})),
        ]),
        "CorrectiveAction": object(&[
            ("id", text()), ("at", time()), ("by", text()), ("line", text()), ("text", text()),
            ("stage", names(&Stage::ALL.map(Stage::name))), ("owner", or_null(text())), ("due_on", or_null(text())),
            ("history", json!({"type": "array", "items": {"type": "object"}})),
        ]),
        "Incident": object(&[
            ("id", text()), ("state", names(&IncidentState::ALL.map(IncidentState::name))), ("at", time()), ("by", text()),
            ("kind", names(&IncidentKind::ALL.map(IncidentKind::name))), ("host", json!({"type": ["object", "null"]})),
            ("culprit", or_null(text())), ("text", text()), ("known_at", time()), ("happened_at", or_null(time())),
            ("finding", json!({"type": ["object", "null"]})), ("deadline_at", time()),
            ("clock", names(&ClockState::ALL.map(ClockState::name))), ("left_seconds", or_null(number())),
            ("assessment", json!({"type": ["object", "null"]})), ("contained_at", or_null(time())),
            ("notified", json!({"type": "object", "additionalProperties": time()})),
            ("in_media_at", or_null(time())), ("end", json!({"type": ["object", "null"]})),
            ("history", json!({"type": "array", "items": {"type": "object"}})),
        ]),
        "Change": object(&[
            ("check", text()), ("subject", text()), ("change", names(&["opened", "changed", "closed"])),
            ("before", or_null(measured())), ("after", or_null(measured())), ("severity", severity()),
            ("at", time()), ("sequence", number()),
        ]),
        "EnrolmentToken": object(&[
            ("id", text()), ("role", role()), ("labels", texts()), ("uses", number()), ("used", number()),
            ("created_at", time()), ("expires_at", time()),
        ]),
        "User": object(&[
            ("name", text()), ("role", names(&ROLES)), ("role_claimed", json!({"type": "boolean"})),
            ("has_password", json!({"type": "boolean"})), ("password_changed_at", or_null(time())),
            ("oidc", json!({"type": ["object", "null"]})), ("created_at", time()), ("disabled_at", or_null(time())),
        ]),
        "ApiToken": object(&[
            ("id", text()), ("role", names(&ROLES)), ("scopes", json!({"type": "array", "items": {"type": "string"}})),
            ("note", text()), ("created_at", time()), ("expires_at", or_null(time())),
            ("revoked_at", or_null(time())), ("used_at", or_null(time())),
        ]),
        "Act": object(&[("id", number()), ("at", time()), ("who", text()), ("what", text()), ("on", text())]),
        "PlanSummary": object(&[
            ("version", text()), ("sha256", text()), ("published_at", time()), ("published_by", text()),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operation_stands_in_the_document_once() {
        let document = document();
        let mut seen = HashSet::new();
        for operation in operations() {
            assert!(
                seen.insert((operation.method, operation.path)),
                "{} stands twice",
                operation.path
            );
            let described = &document["paths"][operation.path][operation.method];
            assert_eq!(described["summary"], operation.summary);
            for name in operation
                .path
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
            {
                let declared = operation
                    .parameters
                    .iter()
                    .any(|p| p.place == "path" && p.name == name);
                assert!(declared, "{}: {name}", operation.path);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(target)) = members.get("$ref") {
                        assert!(
                            document.pointer(target.trim_start_matches('#')).is_some(),
                            "{target}"
                        );
                    }
                    members.values().for_each(|member| walk(member, document));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, document)),
                _ => {}
            }
        }
        let document = document();
        walk(&document, &document);
    }
}
