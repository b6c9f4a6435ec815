from datetime import UTC, datetime, timedelta

from whisperengine.db.ids import id_at, new_id, time_of


def test_ids_grow_strictly_even_many_in_one_millisecond():
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert all(0 < id < 1 << 63 for id in ids)


def test_an_id_knows_when_it_was_made():
    before = datetime.now(UTC)
    assert abs(time_of(new_id()) - before) < timedelta(minutes=1)


def test_ids_made_at_a_moment_are_not_smaller_than_its_first_id():
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    assert time_of(id_at(moment)) == moment
    assert id_at(datetime(2010, 1, 1, tzinfo=UTC)) == 0
