"""The matching services, each with its own protocol: a local list, Orbweaver's own, HMA, EOKM, TCAP."""
