"""Calculates fees, VAT, shares of payments and late interest in integer öre, as `domain.md` sections 3 to 5 state them."""

from datetime import date
from fractions import Fraction

from dates import DAY

RATES = {"STANDARD_25": 25, "REDUCED_12": 12, "REDUCED_6": 6, "EXEMPT": 0, "OUTSIDE_SCOPE": 0}


def half_up(value):
    """Rounds half away from zero to a whole number."""
    value = Fraction(value)
    sign = -1 if value < 0 else 1
    return sign * ((2 * abs(value.numerator) + value.denominator) // (2 * value.denominator))


def ore(text):
    """Öre of kronor in text; `None` stays `None`."""
    return None if text is None else half_up(Fraction(text) * 100)


def kronor(amount):
    """Text of öre, with two decimals; `None` stays `None`."""
    if amount is None:
        return None
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02}"


def year_fee(fee, allocation):
    """A whole year's fee before proration as an exact number; `None` when its allocation is not known."""
    if fee["basis"] != "PER_MILLE_OF_ALLOCATION":
        return Fraction(fee["amount"])
    if allocation is None:
        return None
    exact = Fraction(allocation) * Fraction(str(fee["per_mille"])) / 1000
    if fee.get("minimum") is not None:
        exact = max(exact, Fraction(fee["minimum"]))
    if fee.get("cap") is not None:
        exact = min(exact, Fraction(fee["cap"]))
    return exact


def vat_of(nets):
    """VAT by rate of the net sums by rate."""
    return {rate: half_up(Fraction(net * RATES[rate], 100)) for rate, net in nets.items()}


def sums_by_rate(lines):
    """Net sums of lines by VAT rate."""
    nets = {}
    for line in lines:
        nets[line["vat_rate"]] = nets.get(line["vat_rate"], 0) + line["net"]
    return nets


def luhn_digit(digits):
    """The check digit (mod 10) of a number in text."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        product = int(char) * (2 if index % 2 == 0 else 1)
        total += product // 10 + product % 10
    return str(-total % 10)


def ocr(number):
    """The OCR reference of an invoice number, with length digit and check digit."""
    base = "".join(char for char in number if char.isdigit())
    with_length = base + str((len(base) + 2) % 10)
    return with_length + luhn_digit(with_length)


def shares(paid, lefts):
    """Shares of what is paid on lines with so much left each; what is paid beyond them is on none."""
    total = sum(lefts)
    if paid <= 0:
        return [0] * len(lefts)
    if paid >= total:
        return list(lefts)
    found = [half_up(Fraction(left * paid, total)) for left in lefts]
    rest = paid - sum(found)
    for index in sorted(range(len(lefts)), key=lambda index: (-lefts[index], index)):
        moved = max(-found[index], min(rest, lefts[index] - found[index]))
        found[index] += moved
        rest -= moved
    return found


def half_year(on):
    """The first day of the half-year that a day lies in."""
    return date(on.year, 1 if on.month <= 6 else 7, 1)


def interest(due, until, unpaid_on, rates, points=8):
    """Late interest of the days after `due` through `until`, rounded once; `None` when a reference rate is not known.

    `unpaid_on` gives what was unpaid on a day, the payments of that day not yet deducted.
    """
    exact, on = Fraction(0), due + DAY
    while on <= until:
        unpaid = unpaid_on(on)
        if unpaid > 0:
            rate = rates.get(half_year(on))
            if rate is None:
                return None
            exact += unpaid * (rate + points) / 100 / 365
        on += DAY
    return half_up(exact)
