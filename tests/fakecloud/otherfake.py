"""A cloud for tests that brings nothing but its adapter: no price lists, so quotes know it from the price book alone."""

from fakecloud import Fake

provider = Fake("otherfake")
