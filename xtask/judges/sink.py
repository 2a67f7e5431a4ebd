"""Reads a stream of JetStream to its end with `nats-py`, and judges it as the log of a server.

Every message has to be a CloudEvent 1.0 in binary mode; no id may be stored twice; the changes of each engagement have
to stand in the order of the log, and the versions of each referral without a gap. Prints how many there are.

usage: sink.py URL STREAM COUNT FULL(0|1)
"""

import asyncio
import collections
import json
import sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

ATTRIBUTES = ["specversion", "id", "type", "source", "subject", "time", "datacontenttype", "partitionkey", "sequence"]


def judge(messages, is_full):
    seen, last, versions = set(), {}, collections.defaultdict(list)
    for message in messages:
        headers = message.headers
        event = {name: headers[f"ce-{name}"] for name in ATTRIBUTES}
        data = json.loads(message.data)
        assert event["specversion"] == "1.0" and event["datacontenttype"] == "application/json", event
        assert headers["Nats-Msg-Id"] == event["id"] == data["changeId"], event
        assert event["id"] not in seen, f"{event['id']} is stored twice"
        seen.add(event["id"])
        assert event["subject"] == data["referralId"] and event["partitionkey"] == data["engagementId"], event
        prefix, owner, kind = message.subject.split(".")
        assert (prefix, owner, f"liaison.{kind}") == ("liaison", data["organizationId"], event["type"]), event
        engagement, place = data["engagementId"], event["sequence"]
        assert last.get(engagement, "") < place, f"{engagement}: {place} comes after {last.get(engagement)}"
        last[engagement] = place
        versions[data["referralId"]].append(data["version"])
        assert data["resourceUri"] == f"{event['source']}/{data['referralId']}", data
        assert ("referral" in data) == is_full, data.keys()
        if is_full:
            assert data["referral"]["id"] == data["referralId"], data
    for referral, numbers in versions.items():
        expected = list(range(numbers[0], numbers[0] + len(numbers)))
        assert numbers == expected, f"{referral}: versions {numbers}"
    return len(seen)


async def main(url, stream, count, is_full):
    broker = await nats.connect(url)
    context = broker.jetstream()
    stored = (await context.stream_info(stream)).state.messages
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
    consumer = await context.subscribe("liaison.>", stream=stream, config=config, ordered_consumer=True)
    messages = [await consumer.next_msg(timeout=10) for _ in range(stored)]
    await broker.close()
    found = judge(messages, is_full)
    assert found == count, f"the log has {count} changes, the stream {found}"
    control = messages[:1] + messages
    try:
        judge(control, is_full)
    except AssertionError:
        print(f"{found} changes, each once and in order")
    else:
        sys.exit("a message that is there twice was not found")


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"))
