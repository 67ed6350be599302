"""Every place that files come from and go to, behind one contract.

``base`` is the contract, ``errors`` what can go wrong, ``places`` how a place is configured and opened, ``publish`` and
``pickup`` how files are sent and taken; ``contract`` is the test suite that every backend passes unchanged.
"""
