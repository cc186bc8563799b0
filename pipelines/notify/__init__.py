"""Tells people what changed: notices on a change of state, the mails that the process knows, the weekly digest, and a heartbeat.

    what happened (ledger, snapshot) -> notices, each with a key -> recipients (rule_recipients.csv) -> channels (NOTIFY_URLS)

The ledger holds the intent before each message and the outcome after it, so that no message goes out twice. Texts and recipients are
rows of rule tables. No message holds a contact's name or address, and none speaks of what is indeterminate.
"""
