"""Policy files: read, checked, explained, and played with answers that somebody chooses. ``cli`` is the command.

Read ``files`` and ``checks`` for what makes a file one that can be used, ``meaning`` and ``explain`` for what it says,
``play`` for what would happen. No database, no network; what is wrong with any policy stands in the contracts.
"""
