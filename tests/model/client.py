"""Sends GraphQL documents to one register over HTTP and returns the data or the errors."""

import json
import urllib.error
import urllib.request


# The field of a payload with the object that a mutation changed.
OBJECTS = {
    "memberAdmit": "member",
    "memberUpdate": "member",
    "memberLeave": "member",
    "memberMerge": "member",
    "allocationSet": "member",
    "contactAdd": "contact",
    "contactUpdate": "contact",
    "contactErase": "contact",
    "organisationAdd": "organisation",
    "organisationUpdate": "organisation",
    "activityStart": "activity",
    "activityUpdate": "activity",
    "activityClose": "activity",
    "costRecord": "activity",
    "grantRecord": "activity",
    "feeScheduleSet": "activity",
    "statusReportFile": "statusReport",
    "networkFeeSet": "feeSchedule",
    "agreementDraft": "agreement",
    "agreementDraftUpdate": "agreement",
    "agreementOffer": "agreement",
    "agreementWithdraw": "agreement",
    "agreementSign": "agreement",
    "agreementGiveNotice": "agreement",
    "agreementReplace": "agreement",
    "deadlineSnooze": "agreement",
    "deadlineUnsnooze": "agreement",
    "invoiceDraft": "invoice",
    "invoiceDraftUpdate": "invoice",
    "invoiceDraftDiscard": "invoice",
    "invoiceIssue": "invoice",
    "paymentRecord": "invoice",
    "paymentReverse": "invoice",
    "invoiceRemind": "invoice",
    "invoiceCredit": "creditNote",
    "invoiceRun": "invoiceRun",
    "templateCreate": "template",
    "templateVersionDraft": "templateVersion",
    "templateVersionPublish": "templateVersion",
    "templateVersionRetire": "templateVersion",
    "bankPaymentMatch": "bankPayment",
    "bankPaymentExclude": "bankPayment",
    "bankPaymentReopen": "bankPayment",
    "referenceRateSet": "referenceRate",
}


class Refused(Exception):
    """A mutation or query that the register refused, with the code and reason of its first error."""

    def __init__(self, errors):
        extensions = errors[0].get("extensions", {})
        self.errors = errors
        self.code = extensions.get("code", "")
        self.reason = extensions.get("reason", "")
        super().__init__(json.dumps(errors, ensure_ascii=False)[:1500])

    def word(self):
        """The reason of a conflict, else the code."""
        return self.reason or self.code


class Client:
    """A caller with one token for each role."""

    def __init__(self, url, tokens):
        self.url = url.rstrip("/") + "/graphql"
        self.tokens = tokens

    def ask(self, role, document, variables=None, is_partial=False):
        """Sends one document. Raises `Refused` when the answer has errors, unless what is left of the data will do."""
        body = json.dumps({"query": document, "variables": variables or {}}).encode()
        headers = {"Authorization": "Bearer " + self.tokens[role], "Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=180) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if not text.startswith("{"):
                raise RuntimeError(f"HTTP {error.code}: {text[:300]}") from error
            answer = json.loads(text)
        if answer.get("errors") and not (is_partial and answer.get("data")):
            raise Refused(answer["errors"])
        return answer["data"]

    def mutate(self, role, name, fields, selection):
        """Performs one mutation with an `input` and returns the object that it changed, or its payload."""
        type_name = name[0].upper() + name[1:] + "Input"
        if name in OBJECTS:
            document = f"mutation($input: {type_name}!) {{ {name}(input: $input) {{ {OBJECTS[name]} {{ {selection} }} }} }}"
            return self.ask(role, document, {"input": fields})[name][OBJECTS[name]]
        document = f"mutation($input: {type_name}!) {{ {name}(input: $input) {{ {selection} }} }}"
        return self.ask(role, document, {"input": fields})[name]

    def every(self, role, field, arguments, selection):
        """Returns all nodes of a connection, page by page."""
        nodes, after = [], None
        while True:
            cursor = f', after: "{after}"' if after else ""
            document = f"{{ page: {field}(first: 100{arguments}{cursor}) {{ nodes {{ {selection} }} pageInfo {{ hasNextPage endCursor }} }} }}"
            page = self.ask(role, document)["page"]
            nodes += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return nodes
            after = page["pageInfo"]["endCursor"]
