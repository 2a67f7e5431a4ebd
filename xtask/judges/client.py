"""python-odata against a server with a known set of deals: it learns the types from `$metadata`, and pages, filters,
orders, counts and reads by key with them.

usage: client.py BASE_URL COUNT, with LIAISON_TOKEN
"""

import datetime
import importlib.metadata
import os
import sys

from odata import ODataService
from odata.exceptions import ODataError

ODD = "it's 50%_& +#/é {}"


class Bearer:
    """Puts the token on every request."""

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {os.environ['LIAISON_TOKEN']}"
        return request


def name(number):
    return f"Deal {number:03}"


def names(items):
    return [it.name for it in items]


def refused(action):
    try:
        action()
    except ODataError as error:
        return error
    raise AssertionError("what cannot be done is done")


def check_lists(service, referral, count):
    ordered = service.query(referral).order_by(referral.name.asc())
    found = ordered.all()
    assert names(found) == [name(it) for it in range(count)]
    assert len({it.id for it in found}) == count
    newest = [it.createdDateTime for it in service.query(referral)]
    assert newest == sorted(newest, reverse=True), "newest first is the usual order"
    assert names(ordered.limit(3)) == [name(0), name(1), name(2)]
    assert names(ordered.offset(count - 2)) == [name(count - 2), name(count - 1)]
    assert names(service.query(referral).order_by(referral.name.desc()).limit(1)) == [name(count - 1)]
    assert ordered.first().name == name(0)
    selected = service.query(referral).select(referral.id, referral.name).limit(1).all()
    assert set(selected[0]) - {it for it in selected[0] if it.startswith("@")} == {"id", "name"}


def check_filters(service, referral, count):
    def matching(condition):
        return names(service.query(referral).filter(condition).order_by(referral.name.asc()))

    assert service.query(referral).count() == count
    assert service.query(referral).filter(referral.name < name(7)).count() == 7
    assert matching(referral.externalReferenceId == ODD.format(7)) == [name(7)]
    odd = list(range(0, count, 7))
    assert matching(referral.externalReferenceId.startswith("it's 50%_")) == [name(it) for it in odd]
    assert matching(referral.externalReferenceId.contains("50_")) == [], "_ is no wildcard"
    assert matching(referral.externalReferenceId.endswith("é 14")) == [name(14)]
    assert len(matching(referral.externalReferenceId.is_null())) == count - len(odd)
    assert len(matching(referral.externalReferenceId != ODD.format(7))) == count - 1, "null is unequal"
    assert matching((referral.name == name(1)) | (referral.name == name(2))) == [name(1), name(2)]
    assert matching((referral.name >= name(5)) & (referral.name < name(6))) == [name(5)]
    assert len(matching(referral.isSpam == False)) == count  # noqa: E712
    active = service.types["Liaison.ReferralStatus"].Active
    # The package puts a namespace of its own before the enum.
    assert len(matching(referral.status == active)) == count
    today = datetime.datetime.now(datetime.timezone.utc)
    assert len(matching(referral.createdDateTime > today - datetime.timedelta(days=1))) == count
    assert matching(referral.createdDateTime > today + datetime.timedelta(days=1)) == []


def check_keys(service, referral):
    first = service.query(referral).filter(referral.name == name(3)).one()
    again = service.query(referral).get(first.id)
    assert (again.id, again.name, again.details["dealValue"]) == (first.id, name(3), 31.5)
    assert again.customerProfile["address"]["country"] and isinstance(again.team, list)
    # It saves with a plain object, which is no JSON Patch.
    again.name = "other"
    error = refused(lambda: service.save(again))
    assert "400" in str(error), error
    assert service.query(referral).get(first.id).name == name(3)


def main():
    base_url, count = sys.argv[1], int(sys.argv[2])
    # The metadata is fetched without the token.
    service = ODataService(f"{base_url}/v1.0/engagements/", auth=Bearer(), reflect_entities=True, quiet_progress=True)
    referral = service.entities["referrals"]
    check_lists(service, referral, count)
    check_filters(service, referral, count)
    check_keys(service, referral)
    version = importlib.metadata.version("python-odata")
    print(f"python-odata {version}: {count} referrals paged, filtered, ordered, counted and read by key")


if __name__ == "__main__":
    main()
