"""Calculates the days of terms, notices and payments as `domain.md` section 2 states them."""

from datetime import date, datetime, time, timedelta, timezone

DAY = timedelta(days=1)
FOREVER = date(9999, 12, 31)


def day(text):
    """Reads an ISO date; `None` stays `None`."""
    return date.fromisoformat(text) if isinstance(text, str) else text


def swedish_today():
    """The day in Sweden, which is the register's: for an hour or two each night it is the next one of UTC."""
    now = datetime.now(timezone.utc)
    last_sunday = lambda month: date(now.year, month, 31) - timedelta(days=(date(now.year, month, 31).weekday() + 1) % 7)
    begins, ends = (datetime.combine(last_sunday(month), time(1), timezone.utc) for month in (3, 10))
    return (now + timedelta(hours=2 if begins <= now < ends else 1)).date()


def month_start(year, months):
    """The 1st of the month that lies `months` after January of `year`."""
    return date(year + months // 12, months % 12 + 1, 1)


def last_of_month(first):
    """The last day of the month that begins on `first`."""
    return month_start(first.year, first.month) - DAY


def add_months(start, months):
    """Adds months; a day that the month lacks becomes its last day."""
    first = month_start(start.year, start.month - 1 + months)
    return first.replace(day=min(start.day, last_of_month(first).day))


def term_end(first_end, renewal, count):
    """The last day of the `count`-th prolongation of a term that was agreed to end on `first_end`."""
    if count == 0:
        return first_end
    begins = first_end + DAY
    first = month_start(begins.year, begins.month - 1 + count * renewal)
    if begins.day <= last_of_month(first).day:
        return first.replace(day=begins.day) - DAY
    return last_of_month(first)


def notice_deadline(last_day, months):
    """The last day on which notice still ends an agreement on `last_day`."""
    found = add_months(last_day, -months)
    while add_months(found + DAY, months) <= last_day:
        found += DAY
    while add_months(found, months) > last_day:
        found -= DAY
    return found


def term_on(first_end, renewal, on):
    """The last day of the term that runs on a day."""
    count = 0
    while term_end(first_end, renewal, count) < on:
        count += 1
    return term_end(first_end, renewal, count)


def end_by_notice(first_end, renewal, months, given):
    """The last day in force of a renewing agreement after notice on `given`."""
    count = 0
    while notice_deadline(term_end(first_end, renewal, count), months) < given:
        count += 1
    return term_end(first_end, renewal, count)


def next_notice_deadline(first_end, renewal, months, on):
    """The first deadline for notice of a renewing agreement on or after a day."""
    return notice_deadline(end_by_notice(first_end, renewal, months, on), months)


def months_paid(starts, ends, year):
    """How many months of a year begin while an agreement is in force."""
    firsts = [date(year, month, 1) for month in range(1, 13)]
    return sum(1 for first in firsts if starts <= first <= ends)


def easter(year):
    """Easter Sunday of a year in the Gregorian calendar."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), g = divmod(b, 4), (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    (i, k) = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, rest = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, rest + 1)


def is_holiday(on):
    """`true` on a Swedish public holiday (lag 1989:253) and on Midsummer's, Christmas and New Year's Eve."""
    fixed = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}
    if (on.month, on.day) in fixed:
        return True
    if (on - easter(on.year)).days in (-2, 0, 1, 39, 49):
        return True
    midsummer_eve = on.month == 6 and 19 <= on.day <= 25 and on.weekday() == 4
    return midsummer_eve


def banking_day(on):
    """The day itself, or the next one that is neither Saturday, Sunday nor a holiday."""
    while on.weekday() >= 5 or is_holiday(on):
        on += DAY
    return on
