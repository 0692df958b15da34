"""Models members, activities and agreements: what a mutation changes, or the words with which it is refused."""

from dates import DAY, FOREVER, add_months, day, end_by_notice, months_paid, next_notice_deadline, term_on
from money import half_up, ore, year_fee

ANY = {"*"}


class Refusal(Exception):
    """A mutation that the rules refuse, with the words that the register may give for it."""

    def __init__(self, *words):
        self.words = set(words)
        super().__init__(", ".join(words))


def refuse_if(condition, *words):
    """Refuses the mutation when the condition holds."""
    if condition:
        raise Refusal(*words)


def refuse_for_any(*checks):
    """Runs checks and refuses for what any of them says: which one the register looks at first is left open."""
    words = set()
    for check in checks:
        try:
            check()
        except Refusal as refusal:
            words |= refusal.words
    refuse_if(words, *words)


class Record(dict):
    """A row of the model, whose columns are attributes too."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def fee_of(given):
    """A fee from an input; `None` stays `None`."""
    if given is None:
        return None
    fee = {"basis": given["basis"], "amount": ore(given.get("amount")), "per_mille": given.get("perMille")}
    return {**fee, "cap": ore(given.get("cap")), "minimum": ore(given.get("minimum")), "vat_rate": given["vatRate"]}


class Model:
    """A whole register. Rows are named by handles: m1 (members), o1, v1 (activities), a1 (agreements), i1 (invoices)."""

    def __init__(self, today):
        self.today = today
        self.members, self.organisations, self.activities, self.agreements = {}, {}, {}, {}
        self.network_fees = []
        self.numbers = {}
        self.after_agreement_change = lambda handle: None

    # Members

    def member_admit(self, handle, given):
        billing = given.get("billing") or {}
        needed = ("buyerReference", "addressLine", "postalCode", "city")
        is_complete = bool(given.get("orgNumber")) and all(billing.get(key) for key in needed)
        self.members[handle] = Record(
            departure={}, handle=handle, name=given["name"], joined=day(given["joinedOn"]), left=None, successor=None, allocations={}, is_complete=is_complete
        )

    def member_update(self, _, given):
        member = self.members[given["memberId"]]
        joined = day(given.get("joinedOn")) or member.joined
        refuse_if(member.left and joined > member.left, "*")
        begun = [a.starts for a in self.of_member(member.handle) if a.signed and not a.withdrawn]
        refuse_if(begun and min(begun) < joined, "*")
        member.joined = joined
        member.name = given.get("name", member.name)

    def of_member(self, handle):
        """All agreements with a member."""
        return [a for a in self.agreements.values() if a.counterparty == handle]

    def in_force_after(self, handle, left):
        """The signed agreements of a member that continue after a day."""
        return [a for a in self.of_member(handle) if self.is_live(a) and self.last_day(a) > left]

    def check_departure(self, handle, given):
        member, left = self.members[handle], day(given["leftOn"])
        refuse_if(member.left is not None, "ALREADY_LEFT", "LEAVING")
        before = [other.left for other in self.members.values() if other.successor == handle]
        refuse_if(before and max(before) > left, "HAS_PREDECESSORS")
        refuse_if(left < member.joined, "INVALID")
        refuse_if(self.in_force_after(handle, left) and not given.get("endAgreements"), "AGREEMENTS_IN_FORCE")

    def depart(self, handle, left):
        """Ends a membership and the agreements that would continue after it."""
        member = self.members[handle]
        member.left = left
        before = {a.handle: (a.ends, a.notice_given, a.withdrawn) for a in self.of_member(handle)}
        later = sorted(self.in_force_after(handle, left), key=lambda a: a.starts, reverse=True)
        for agreement in later:
            if agreement.starts > left:
                agreement.withdrawn = min(max(left, agreement.signed), self.today)
        # What a withdrawn successor was to replace continues, and so must end as well.
        for agreement in self.in_force_after(handle, left):
            agreement.agreed = agreement.agreed or (agreement.ends,)
            agreement.ends, agreement.quiet_until = left, None
            # No notice is older than the agreement.
            agreement.notice_given = agreement.notice_given or max(agreement.signed, min(left, self.today))

        after = {a.handle: (a.ends, a.notice_given, a.withdrawn) for a in self.of_member(handle)}
        member.departure = {key: (before[key], after[key]) for key in before if before[key] != after[key]}

    def member_reinstate(self, _, given):
        """Reverses a departure with all that it ended."""
        member = self.members[given["memberId"]]
        refuse_if(member.left is None, "NOT_LEFT")
        changed = [key for key, (_, after) in member.departure.items() if self.state_of(key) != after]
        refuse_if(changed, "AGREEMENT_CHANGED")
        self.restore(member.departure, 0)
        try:
            for key in member.departure:
                self.check_activity(self.agreements[key])
                self.check_overlaps(self.agreements[key], is_whole=False)
        except Refusal:
            self.restore(member.departure, 1)
            raise
        member.left = member.successor = None

    def state_of(self, handle):
        agreement = self.agreements[handle]
        return agreement.ends, agreement.notice_given, agreement.withdrawn

    def restore(self, departure, place):
        """Gives agreements the values of before (0) or after (1) a departure."""
        for key, values in departure.items():
            agreement = self.agreements[key]
            agreement.ends, agreement.notice_given, agreement.withdrawn = values[place]

    def member_leave(self, _, given):
        self.check_departure(given["memberId"], given)
        self.depart(given["memberId"], day(given["leftOn"]))

    def member_merge(self, _, given):
        into, left = self.members[given["intoId"]], day(given["leftOn"])
        refuse_if(given["intoId"] in given["fromIds"], "*")
        refuse_if(into.left is not None and into.left <= left, "*")
        for handle in given["fromIds"]:
            self.check_departure(handle, given)
        for handle in given["fromIds"]:
            self.depart(handle, left)
            self.members[handle].successor = given["intoId"]

    def allocation_set(self, _, given):
        self.members[given["memberId"]].allocations[(given["year"], given["basis"])] = ore(given["amount"])

    def allocation(self, member, year):
        """The allocation that fees are a part of: that of all parties."""
        return self.members[member].allocations.get((year, "ALL_PARTIES"))

    def is_member(self, handle, on):
        member = self.members[handle]
        return member.joined <= on and (member.left is None or on <= member.left)

    def organisation_add(self, handle, given):
        self.organisations[handle] = Record(handle=handle, name=given["name"], is_complete=bool(given.get("orgNumber")) and bool(given.get("billing")))

    # Activities

    def activity_start(self, handle, given):
        ends = day(given.get("endsOn"))
        self.activities[handle] = Record(
            handle=handle, slug=given["slug"], name=given["name"], funding=given["funding"], starts=day(given["startsOn"]), ends=ends, prices=[]
        )

    def participations(self, activity):
        return [a for a in self.agreements.values() if a.activity == activity and a.kind == "PARTICIPATION"]

    def activity_update(self, _, given):
        activity, starts = self.activities[given["activityId"]], day(given["startsOn"])
        refuse_if(activity.ends and starts > activity.ends, "*")
        begun = [a.starts for a in self.participations(activity.handle) if a.signed and not a.withdrawn]
        refuse_if(begun and min(begun) < starts, "*")
        activity.starts = starts

    def activity_close(self, _, given):
        activity, ends = self.activities[given["activityId"]], day(given["endsOn"])
        refuse_if(activity.ends is not None and activity.ends < self.today, "ALREADY_CLOSED")
        refuse_if(ends < activity.starts, "INVALID")
        later = [a for a in self.participations(activity.handle) if self.is_live(a) and self.last_day(a) > ends]
        refuse_if(later, "AGREEMENTS_IN_FORCE")
        activity.ends = ends

    def set_price(self, prices, given):
        """Puts a price into a list: it replaces one with the same first day and basis, and ends an open one the day before."""
        price = Record(fee_of(given), valid_from=day(given["validFrom"]), valid_to=day(given.get("validTo")))
        same = [p for p in prices if p.basis == price.basis]
        kept = [p for p in same if p.valid_from != price.valid_from]
        for other in kept:
            is_cut = other.valid_to is None and other.valid_from < price.valid_from
            ends = price.valid_from - DAY if is_cut else other.valid_to or FOREVER
            refuse_if(other.valid_from <= (price.valid_to or FOREVER) and price.valid_from <= ends, "OVERLAPS")
        for other in kept:
            if other.valid_to is None and other.valid_from < price.valid_from:
                other.valid_to = price.valid_from - DAY
        prices[:] = [p for p in prices if p not in same] + kept + [price]

    def fee_schedule_set(self, _, given):
        self.set_price(self.activities[given["activityId"]].prices, given)

    def network_fee_set(self, _, given):
        self.set_price(self.network_fees, given)

    def price_on(self, prices, on, basis=None):
        """The price in force on a day."""
        found = [p for p in prices if p.valid_from <= on <= (p.valid_to or FOREVER) and basis in (None, p.basis)]
        return found[0] if found else None

    def member_fee(self, member, year, basis):
        """A member's service or membership fee of a year, and its rule; `None` when there is none."""
        rule = self.price_on(self.network_fees, day(f"{year}-01-01"), basis)
        row = self.members[member]
        is_member = row.joined.year <= year and (row.left is None or row.left.year >= year)
        if rule is None or not is_member:
            return None, rule
        exact = year_fee(rule, self.allocation(member, year))
        return (None if exact is None else half_up(exact)), rule

    # Agreements

    def takes_no_fee(self, activity):
        funding = set(self.activities[activity].funding) if activity else {"OTHER"}
        return bool(funding) and funding <= {"GRANT", "SERVICE_FEE", "VOLUNTEER"}

    def check_days(self, agreement, *words):
        """Refuses a term that does not lie within the membership and the activity."""
        lasts = FOREVER if agreement.renewal or agreement.ends is None else agreement.ends
        refuse_if(agreement.ends is not None and agreement.ends < agreement.starts, "INVALID")
        if agreement.counterparty in self.members:
            member = self.members[agreement.counterparty]
            refuse_if(agreement.starts < member.joined or lasts > (member.left or FOREVER), *words)
        self.check_activity(agreement, *words)

    def check_activity(self, agreement, *words):
        """Refuses a participation on days on which its activity does not run."""
        lasts = FOREVER if agreement.renewal or agreement.ends is None else agreement.ends
        if agreement.kind == "PARTICIPATION":
            activity = self.activities[agreement.activity]
            refuse_if(agreement.starts < activity.starts or lasts > (activity.ends or FOREVER), *(words or ("ACTIVITY_ENDED",)))

    def agreement_draft(self, handle, given):
        starts, ends, renewal = day(given["startsOn"]), day(given.get("endsOn")), given.get("renewalMonths")
        notice = given.get("noticeMonths")
        notice = (3 if ends is None or renewal else 0) if notice is None else notice
        kind, activity = given["templateId"], given.get("activityId")
        fee = fee_of(given.get("fee"))
        if "fee" not in given and kind == "PARTICIPATION" and not self.takes_no_fee(activity):
            fee = self.price_on(self.activities[activity].prices, starts)
        direction = "COST" if kind == "ASSIGNMENT" else "INCOME" if fee else "NONE"
        agreement = Record(
            handle=handle, kind=kind, activity=activity, counterparty=given["counterpartyId"], direction=direction, starts=starts, ends=ends,
            notice=notice, renewal=renewal, fee=fee, offered=None, signatures={}, signed=None, withdrawn=None, notice_given=None,
            replaces=None, number=None, agreed=None, quiet_until=None,
        )
        self.check_days(agreement, "INVALID")
        self.agreements[handle] = agreement

    def agreement_draft_update(self, _, given):
        agreement = self.agreements[given["agreementId"]]
        refuse_if(agreement.withdrawn, "WITHDRAWN")
        refuse_if(agreement.offered, "ALREADY_OFFERED")
        changed = Record(agreement, ends=day(given["endsOn"]), renewal=given["renewalMonths"], notice=given["noticeMonths"])
        if "fee" in given:
            changed.fee = fee_of(given["fee"])
            changed.direction = "INCOME" if changed.fee else "NONE"
        self.check_days(changed, "INVALID")
        agreement.update(changed)

    def agreement_replace(self, handle, given):
        old = self.agreements[given["agreementId"]]
        status, starts, ends = self.status(old, self.today), day(given["startsOn"]), day(given.get("endsOn"))
        renewal = given.get("renewalMonths", old.renewal if ends else None)
        fee = fee_of(given["fee"]) if "fee" in given else old.fee
        if "fee" not in given and old.kind == "PARTICIPATION":
            fee = None if self.takes_no_fee(old.activity) else self.price_on(self.activities[old.activity].prices, starts)
        direction = old.direction if old.kind != "PARTICIPATION" else "INCOME" if fee else "NONE"
        agreement = Record(
            old, handle=handle, starts=starts, ends=ends, renewal=renewal, notice=given.get("noticeMonths", old.notice), fee=fee, direction=direction,
            offered=None, signatures={}, signed=None, withdrawn=None, notice_given=None, replaces=old.handle, number=None,
            agreed=None, quiet_until=None,
        )
        refuse_for_any(
            lambda: refuse_if(status in ("DRAFT", "OFFERED"), "NOT_SIGNED"),
            lambda: refuse_if(status in ("ENDED", "WITHDRAWN"), status),
            lambda: refuse_if(self.successor(old, is_signed=False), "ALREADY_REPLACED"),
            lambda: refuse_if(starts <= old.starts, "INVALID"),
            lambda: self.check_days(agreement, "INVALID"),
        )
        self.agreements[handle] = agreement

    def agreement_offer(self, _, given):
        agreement = self.agreements[given["agreementId"]]
        refuse_if(agreement.withdrawn, "WITHDRAWN")
        refuse_if(agreement.offered, "ALREADY_OFFERED")
        self.check_that_it_fits(agreement)
        year = self.today.year
        self.numbers[year] = self.numbers.get(year, 0) + 1
        agreement.number, agreement.offered = f"{year}-{self.numbers[year]:04}", self.today

    def agreement_withdraw(self, _, given):
        agreement = self.agreements[given["agreementId"]]
        refuse_if(agreement.withdrawn, "WITHDRAWN")
        refuse_if(agreement.signed, "ALREADY_SIGNED")
        agreement.withdrawn = self.today

    def agreement_sign(self, _, given):
        agreement, signed = self.agreements[given["agreementId"]], day(given["signedOn"])
        refuse_if(agreement.withdrawn, "WITHDRAWN")
        refuse_if(not agreement.offered, "NOT_OFFERED")
        refuse_if(given["party"] in agreement.signatures, "ALREADY_SIGNED")
        refuse_if(not agreement.offered <= signed <= self.today, "INVALID")
        if agreement.signatures:
            self.check_that_it_fits(agreement)
        agreement.signatures[given["party"]] = signed
        if len(agreement.signatures) == 2:
            agreement.signed = max(agreement.signatures.values())

    def check_that_it_fits(self, agreement):
        """Refuses an offer or a last signature when something has changed since the draft."""
        words = ("NOT_A_MEMBER", "ACTIVITY_ENDED", "ACTIVITY_NOT_STARTED")
        refuse_for_any(lambda: self.check_days(agreement, *words), lambda: self.check_overlaps(agreement))

    def check_overlaps(self, agreement, is_whole=True):
        """Refuses an agreement by which a member would take part in an activity twice on some day; without `is_whole`, on days left by successors."""
        if agreement.kind != "PARTICIPATION":
            return
        ends = FOREVER if agreement.renewal or agreement.ends is None else agreement.ends
        ends = ends if is_whole else self.last_day(agreement)
        for other in self.participations(agreement.activity):
            if other.handle == agreement.handle or other.counterparty != agreement.counterparty or not self.is_live(other):
                continue
            until = self.last_day(other)
            if other.handle == agreement.replaces:
                until = min(until, agreement.starts - DAY)
            refuse_if(other.starts <= ends and agreement.starts <= until, "OVERLAPS")

    def is_live(self, agreement):
        """`true` if an agreement is signed and has not been withdrawn."""
        return agreement.signed is not None and agreement.withdrawn is None

    def successor(self, agreement, is_signed=True):
        """The agreement that replaces this one or, unless it must be signed, is drafted or offered to."""
        for other in self.agreements.values():
            if other.replaces == agreement.handle and not other.withdrawn and (other.signed or not is_signed):
                return other
        return None

    def own_last_day(self, agreement):
        """The last day in force, whatever replaces it."""
        if agreement.ends is None or (agreement.renewal and not agreement.notice_given):
            return FOREVER
        return agreement.ends

    def last_day(self, agreement):
        """The last day in force as known today."""
        successor = self.successor(agreement)
        until = successor.starts - DAY if successor else FOREVER
        return min(self.own_last_day(agreement), until)

    def status(self, agreement, on):
        """The status of an agreement on a day."""
        if agreement.withdrawn and agreement.withdrawn <= on:
            return "WITHDRAWN"
        if agreement.offered is None or agreement.offered > on:
            return "DRAFT"
        if agreement.signed is None or agreement.signed > on:
            return "OFFERED"
        if on < agreement.starts:
            return "SIGNED"
        if on > self.last_day(agreement):
            return "ENDED"
        return "NOTICE_GIVEN" if agreement.notice_given and agreement.notice_given <= on else "ACTIVE"

    def is_in_force(self, agreement, on):
        return self.status(agreement, on) in ("ACTIVE", "NOTICE_GIVEN")

    def term_ends(self, agreement, on):
        """The last day of the term that runs on a day; `None`: until further notice."""
        ends = agreement.ends
        if agreement.renewal and not agreement.notice_given:
            ends = term_on(agreement.ends, agreement.renewal, on)
        successor = self.successor(agreement)
        if successor:
            ends = min(ends or FOREVER, successor.starts - DAY)
        return ends

    def next_deadline(self, agreement, on):
        """Kind, reason and day of what must be decided next; `None` when nothing must."""
        if not self.is_live(agreement) or self.successor(agreement) or self.own_last_day(agreement) < on:
            return None
        if agreement.notice_given:
            return "END", "NOTICE_GIVEN", agreement.ends
        if agreement.renewal:
            return "NOTICE", "RENEWS", next_notice_deadline(agreement.ends, agreement.renewal, agreement.notice, on)
        return ("END", "ENDS", agreement.ends) if agreement.ends else None

    def end_after_notice(self, agreement, given):
        """The last day in force after notice on a day."""
        if agreement.renewal:
            return end_by_notice(agreement.ends, agreement.renewal, agreement.notice, given)
        ends = add_months(given, agreement.notice)
        return min(ends, agreement.ends or FOREVER)

    def agreement_give_notice(self, _, given):
        agreement, on, sooner = self.agreements[given["agreementId"]], day(given["givenOn"]), day(given.get("endsOn"))
        status = self.status(agreement, self.today)
        refuse_if(status in ("DRAFT", "OFFERED"), "NOT_SIGNED")
        refuse_if(status == "WITHDRAWN", "WITHDRAWN")
        refuse_if(status == "ENDED", "ENDED", "REPLACED", "NOTICE_GIVEN")
        refuse_if(agreement.notice_given, "NOTICE_GIVEN", "NOT_STARTED")
        refuse_if(status == "SIGNED" and sooner is None, "NOT_STARTED")
        refuse_if(self.successor(agreement), "REPLACED")
        earliest = agreement.signed if sooner else max(agreement.signed, agreement.starts)
        refuse_if(on < earliest or on > self.today, "INVALID", "NOT_STARTED")
        ends = self.end_after_notice(agreement, on)
        if sooner is None:
            refuse_if(agreement.ends and not agreement.renewal and ends >= agreement.ends, "FIXED_TERM")
        else:
            refuse_if(not on <= sooner <= ends, "INVALID")
            ends = sooner
        before = dict(agreement)
        if ends < agreement.starts:
            agreement.withdrawn = on
            self.check_what_continues(agreement, before)
        else:
            agreement.agreed, agreement.quiet_until = (agreement.ends,), None
            agreement.ends, agreement.notice_given = ends, on

    def agreement_notice_withdraw(self, _, given):
        """Gives an agreement its agreed last day again, before a notice takes effect."""
        agreement = self.agreements[given["agreementId"]]
        status = self.status(agreement, self.today)
        refuse_if(agreement.withdrawn or not agreement.notice_given, "NO_NOTICE")
        refuse_if(status == "ENDED", "ENDED")
        before = dict(agreement)
        agreement.ends, agreement.notice_given, agreement.agreed = agreement.agreed[0], None, None
        try:
            refuse_for_any(
                lambda: self.check_days(agreement, "NOT_A_MEMBER", "ACTIVITY_ENDED"), lambda: self.check_overlaps(agreement, is_whole=False)
            )
        except Refusal:
            agreement.update(before)
            raise

    def deadline_snooze(self, _, given):
        agreement, until = self.agreements[given["agreementId"]], day(given["snoozedUntil"])
        deadline = self.next_deadline(agreement, self.today)
        refuse_if(deadline is None, "NO_DEADLINE")
        refuse_if(until < self.today or (deadline[0] == "NOTICE" and until > deadline[2]), "INVALID")
        agreement.quiet_until = until

    def check_what_continues(self, agreement, before):
        """Refuses an end that lets a replaced agreement continue next to another one."""
        old = self.agreements.get(agreement.replaces)
        if old is None or old.kind != "PARTICIPATION":
            return
        for other in self.participations(old.activity):
            is_other = other.handle not in (old.handle, agreement.handle) and other.counterparty == old.counterparty
            if is_other and self.is_live(other) and other.starts <= self.last_day(old) and old.starts <= self.last_day(other):
                agreement.update(before)
                raise Refusal("OVERLAPS")

    # Fees of agreements

    def months(self, agreement, year):
        """How many months of a year an agreement pays."""
        return months_paid(agreement.starts, self.last_day(agreement), year)

    def fee_for(self, agreement, year, is_forecast=False):
        """What a year costs, net; `None` when its allocation is not known."""
        fee = agreement.fee
        if fee["basis"] == "PER_PARTICIPANT":
            return 0
        if fee["basis"] == "ONE_OFF":
            return fee["amount"] if agreement.starts.year == year else 0
        allocation = None
        if fee["basis"] == "PER_MILLE_OF_ALLOCATION":
            allocation = self.allocation(agreement.counterparty, year)
            if allocation is None and is_forecast:
                known = [key for key in self.members[agreement.counterparty].allocations if key[1] == "ALL_PARTIES" and key[0] < year]
                allocation = self.members[agreement.counterparty].allocations[max(known)] if known else None
        exact, months = year_fee(fee, allocation), self.months(agreement, year)
        return 0 if not months else None if exact is None else half_up(exact * months / 12)
