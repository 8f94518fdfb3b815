---
name: balances
version: 1
category: BankAccount
lineage: on
---
CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;

@on AccountCreated
INSERT INTO balance VALUES(:key, 0, :revision);

@on MoneyDeposited
UPDATE balance SET cents = cents + units(:data.amount, 2), version = :revision WHERE account = :key;

@on MoneyWithdrawn
UPDATE balance SET cents = cents - units(:data.amount, 2), version = :revision WHERE account = :key;

@query balance(account text)
SELECT account, decimal(cents, 2) AS balance, version FROM balance WHERE account = :account;

@query richest(at_least units(2) = 0, most integer = 3)
SELECT account, decimal(cents, 2) AS balance FROM balance WHERE cents >= :at_least ORDER BY cents DESC LIMIT :most;
