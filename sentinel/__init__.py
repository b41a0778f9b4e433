"""May this be traded? Pure decisions over values: no I/O, no clock, no Nautilus.

`guard.judge_plan` judges a whole plan and alone makes approvals; `order_check.judge_order` holds one order against its
approval just before its client. Controls are in `controls`, their limits in `limits`, market regimes in `regime`. A control
whose input is missing, stale or not finite denies.
"""
