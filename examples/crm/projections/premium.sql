---
name: premium
version: 1
category: User
---
CREATE TABLE member(id TEXT PRIMARY KEY, premium INTEGER NOT NULL) STRICT;

@on CustomerRegistered
INSERT OR REPLACE INTO member VALUES(:key, 0);

@on PremiumStarted
UPDATE member SET premium = 1 WHERE id = :key;

@on PremiumEnded
UPDATE member SET premium = 0 WHERE id = :key;

@on UserDeactivated
DELETE FROM member WHERE id = :key;

@query how_many
SELECT coalesce(sum(premium), 0) AS premium, count(*) AS users FROM member;
