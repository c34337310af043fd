"""Approvals: which jobs need one, what people decide, and what an approval holds for."""
