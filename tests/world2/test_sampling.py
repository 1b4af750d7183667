import pytest

from irg.world2.constraints import CHALLENGES, Constraint, constraints, is_challenge
from irg.world2.families import Family, infer_family
from irg.world2.request import CountOrder, SpatialRelation
from irg.world2.sampling import sample_challenge, sample_request
from tests.world2.builders import rng


@pytest.mark.parametrize("family", Family)
def test_requests_are_of_their_family_and_no_challenges(family):
    generator = rng(1)
    for _ in range(50):
        request = sample_request(generator, family)
        assert infer_family(request) is family and not is_challenge(request)


def test_compounds_are_of_all_kinds():
    generator = rng(2)
    requests = [sample_request(generator, Family.COMPOUND) for _ in range(300)]
    assert set(Constraint) == {one for request in requests for one in constraints(request)}
    assert {len(request.groups) for request in requests} == {1, 2, 3}


def test_relations_and_orders_all_occur():
    generator = rng(3)
    families = (Family.POSITION, Family.OVERLAP, Family.COMPARISON)
    requests = [sample_request(generator, family) for family in families for _ in range(60)]
    assert {link.relation for request in requests for link in request.links} == set(SpatialRelation)
    assert {request.comparison for request in requests} >= set(CountOrder)


def test_every_challenge_is_drawn():
    generator = rng(4)
    met = [constraints(sample_challenge(generator)) for _ in range(60)]
    assert all(any(challenge <= one for one in met) for challenge in CHALLENGES)
