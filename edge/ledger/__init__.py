"""The ledger: the device's own record of its decisions and of the gates' answers."""
