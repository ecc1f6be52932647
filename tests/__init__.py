"""Tests by room, and what they share; the asserts of these helpers are told of as fully as a test's own."""

import pytest

pytest.register_assert_rewrite("tests.business", "tests.cube", "tests.form")
