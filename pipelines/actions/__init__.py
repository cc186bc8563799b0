"""OUT: approved fixes go back to the vendors. ``plan`` lists them, ``apply`` writes them; nothing else writes.

plan.py       actions.act_changes and the vendors' live values -> a plan
store.py      plans sealed, stored, found, listed with their state
apply.py      a sealed plan -> writes, each read back, each in the ledger
settling.py   what an interrupted apply left open, settled by reading
marks.py      what is called for, and waits for some days before it is proposed
guards.py     what must hold before anything is written
seal.py       the key of this home, and seals made with it
records.py    changes, plans and results as plain data
rendering.py  plans and results in words
target.py     what a vendor module offers: read one change's target, say the next write, send it
opening.py    opens the vendors with their tokens
hubspot.py, airtable.py, github.py    the vendors; hubspot_labels.py, hubspot_tasks.py and airtable_values.py are parts of theirs
"""
