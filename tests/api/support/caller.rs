//! Callers of the API in process, and the answers that they get.

use std::ops::Index;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::support::app::App;

/// The caller of a request.
#[derive(Clone)]
pub struct Caller<'a> {
    pub(super) app: &'a App,
    pub(super) authorization: Option<String>,
}

impl Caller<'_> {
    /// The header that says who this is.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// Asks a document with these variables.
    pub async fn ask(&self, document: &str, variables: Value) -> Answer {
        self.post(json!({ "query": document, "variables": variables }).to_string()).await
    }

    /// Asks a document without variables.
    pub async fn query(&self, document: &str) -> Answer {
        self.ask(document, json!({})).await
    }

    /// Sends a mutation, and asks this of the object that it changed, as
    /// `app.office().does("memberLeave", "leftOn", json!({ … }))`. The answer has that object in
    /// the place of the payload; of mutations that [`payload_object`] does not list it has the
    /// payload.
    pub async fn does(&self, mutation: &str, selection: &str, input: Value) -> Answer {
        let type_name = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let object = payload_object(mutation);
        let selection = match object {
            Some(object) => format!("{object} {{ {selection} }}"),
            None => selection.to_owned(),
        };
        let document = format!(
            "mutation($input: {type_name}!) {{ {mutation}(input: $input) {{ {selection} }} }}"
        );
        let mut answer = self.ask(&document, json!({ "input": input })).await;
        if let Some(object) = object
            && let Some(payload) = answer.json.pointer_mut(&format!("/data/{mutation}"))
        {
            *payload = payload[object].take();
        }
        answer
    }

    /// Posts this body, which should be a GraphQL request in JSON, to the API.
    pub async fn post(&self, body: impl Into<Body>) -> Answer {
        let request = self
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into());
        self.app.send(request.unwrap()).await
    }

    /// Gets this path.
    pub async fn get(&self, path: &str) -> Answer {
        self.app.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// The beginning of a request with this caller's token.
    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        }
    }
}

/// The field of a mutation's payload with the object that it changed.
fn payload_object(mutation: &str) -> Option<&'static str> {
    Some(match mutation {
        "memberAdmit" | "memberUpdate" | "memberLeave" | "memberMerge" | "allocationSet" => {
            "member"
        }
        "contactAdd" | "contactUpdate" | "contactErase" => "contact",
        "organisationAdd" | "organisationUpdate" => "organisation",
        "activityStart" | "activityUpdate" | "activityClose" | "costRecord" | "grantRecord"
        | "feeScheduleSet" => "activity",
        "statusReportFile" => "statusReport",
        "networkFeeSet" => "feeSchedule",
        "agreementDraft"
        | "agreementDraftUpdate"
        | "agreementOffer"
        | "agreementWithdraw"
        | "agreementSign"
        | "agreementGiveNotice"
        | "agreementReplace"
        | "deadlineSnooze"
        | "deadlineUnsnooze" => "agreement",
        "invoiceDraft"
        | "invoiceDraftUpdate"
        | "invoiceDraftDiscard"
        | "invoiceIssue"
        | "paymentRecord"
        | "paymentReverse"
        | "invoiceRemind" => "invoice",
        "invoiceCredit" => "creditNote",
        "invoiceRun" => "invoiceRun",
        "templateCreate" => "template",
        "templateVersionDraft" | "templateVersionPublish" | "templateVersionRetire" => {
            "templateVersion"
        }
        "bankPaymentMatch" | "bankPaymentExclude" | "bankPaymentReopen" => "bankPayment",
        "referenceRateSet" => "referenceRate",
        _ => return None,
    })
}

/// The answer of the server. Indexed by the name of a top field, it gives that field's data, and
/// fails the test when there were errors.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Bytes,
    /// The body; null unless it is JSON.
    pub json: Value,
}

impl Answer {
    /// The data, with the errors that must not be there in the message when they are.
    #[track_caller]
    pub fn data(&self) -> &Value {
        assert!(
            self.errors().is_empty() && self.json.get("data").is_some(),
            "{} {}",
            self.status,
            self.text()
        );
        &self.json["data"]
    }

    /// The errors; none when there are none.
    pub fn errors(&self) -> &[Value] {
        self.json["errors"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The one error that there must be.
    #[track_caller]
    pub fn error(&self) -> &Value {
        assert_eq!(self.errors().len(), 1, "{} {}", self.status, self.text());
        &self.errors()[0]
    }

    /// The code of the one error.
    #[track_caller]
    pub fn code(&self) -> &str {
        self.error()["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code in {}", self.text()))
    }

    /// The stable word of the one error, which must be a CONFLICT.
    #[track_caller]
    pub fn reason(&self) -> &str {
        assert_eq!(self.code(), "CONFLICT", "{}", self.text());
        self.error()["extensions"]["reason"]
            .as_str()
            .unwrap_or_else(|| panic!("no reason in {}", self.text()))
    }

    /// The bad fields that the one error names, which must be INVALID, in order of their paths.
    #[track_caller]
    pub fn bad_fields(&self) -> Vec<&str> {
        assert_eq!(self.code(), "INVALID", "{}", self.text());
        let fields = self.error()["extensions"]["fields"].as_array();
        let fields = fields.unwrap_or_else(|| panic!("no fields in {}", self.text()));
        let mut paths: Vec<_> =
            fields.iter().map(|field| field["path"].as_str().unwrap()).collect();
        paths.sort_unstable();
        paths
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header as text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    #[track_caller]
    fn index(&self, name: &str) -> &Value {
        self.data().get(name).unwrap_or_else(|| panic!("no {name} in {}", self.text()))
    }
}
