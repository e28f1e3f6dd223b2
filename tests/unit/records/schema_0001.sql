BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE documents (
	name TEXT NOT NULL, 
	time_ns INTEGER NOT NULL, 
	body JSON NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE equity (
	id INTEGER NOT NULL, 
	time_ns INTEGER NOT NULL, 
	exchange TEXT NOT NULL, 
	equity TEXT COLLATE decimal NOT NULL, 
	balance TEXT COLLATE decimal NOT NULL, 
	unrealized TEXT COLLATE decimal NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "equity" VALUES(1,1723075200123456789,'linear_house','9984.25','9984.25','0');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	time_ns INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,1723075200123458789,'run_started','{"mode": "replay", "epoch": "e", "version": "0.1.0"}');
INSERT INTO "events" VALUES(2,1723075200123459789,'command_taken','{"command": "pause", "arguments": {}, "actor": "cli", "reason": "look at it", "key": "k1"}');
INSERT INTO "events" VALUES(3,1723075200123460789,'command_refused','{"command": "start", "arguments": {"force": "yes"}, "actor": "cli", "reason": "go on", "why": "HALTED: clear-halt first"}');
INSERT INTO "events" VALUES(4,1723075200123483789,'state_changed','{"before": "ACTIVE", "after": "REDUCING", "actor": "signal", "reason": "stop"}');
INSERT INTO "events" VALUES(5,1723075200123484789,'run_stopped','{"reason": "stopped", "open_pairs": []}');
CREATE TABLE fills (
	id INTEGER NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	trade_id TEXT NOT NULL, 
	pair_id TEXT, 
	leg TEXT, 
	purpose TEXT NOT NULL, 
	side TEXT NOT NULL, 
	price TEXT COLLATE decimal NOT NULL, 
	size TEXT COLLATE decimal NOT NULL, 
	contracts TEXT COLLATE decimal NOT NULL, 
	fee TEXT COLLATE decimal NOT NULL, 
	fee_currency TEXT NOT NULL, 
	liquidity TEXT NOT NULL, 
	time_ns INTEGER NOT NULL, 
	order_id TEXT NOT NULL, 
	client_order_id TEXT NOT NULL, 
	realized_usd TEXT COLLATE decimal NOT NULL, 
	fee_usd TEXT COLLATE decimal NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (exchange, symbol, trade_id)
);
INSERT INTO "fills" VALUES(1,'linear_house','BTC-USD-PERP','te-1-b0','e-1','buy','entry','BUY','60000','0.5','0.5','15','USD','TAKER',1723075200123456796,'xe-1-b0','e-1-b0','0','15');
INSERT INTO "fills" VALUES(2,'inverse_house','BTC-USD-PERP','te-1-s0','e-1','sell','entry','SELL','60010','0.499916680553241126','300','0.00025','BTC','TAKER',1723075200123456796,'xe-1-s0','e-1-s0','0','15.0025');
INSERT INTO "fills" VALUES(3,'linear_house','BTC-USD-PERP','te-1-b1','e-1','buy','exit','SELL','60100','0.5','0.5','15.025','USD','TAKER',1723075200123456796,'xe-1-b1','e-1-b1','50','15.025');
INSERT INTO "fills" VALUES(4,'inverse_house','BTC-USD-PERP','te-1-s1','e-1','sell','exit','BUY','60090','0.499251123315027459','300','0.00025','BTC','TAKER',1723075200123456796,'xe-1-s1','e-1-s1','-40.05','15.0225');
CREATE TABLE funding (
	id INTEGER NOT NULL, 
	time_ns INTEGER NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	pair_id TEXT NOT NULL, 
	amount TEXT COLLATE decimal NOT NULL, 
	payment_id TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (exchange, symbol, payment_id, pair_id)
);
INSERT INTO "funding" VALUES(1,1723075200123456789,'linear_house','BTC-USD-PERP','e-1','-0.75','f1');
CREATE TABLE gas (
	id INTEGER NOT NULL, 
	time_ns INTEGER NOT NULL, 
	exchange TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	amount TEXT COLLATE decimal NOT NULL, 
	transaction_id TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (exchange, transaction_id)
);
INSERT INTO "gas" VALUES(1,1723075200123456789,'linear_house','e-1','0.01','tx1');
CREATE TABLE instruments (
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	native TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	multiplier TEXT COLLATE decimal NOT NULL, 
	quote TEXT NOT NULL, 
	tick TEXT COLLATE decimal NOT NULL, 
	step TEXT COLLATE decimal NOT NULL, 
	min_size TEXT COLLATE decimal NOT NULL, 
	min_notional TEXT COLLATE decimal NOT NULL, 
	maker_fee_pct TEXT COLLATE decimal NOT NULL, 
	taker_fee_pct TEXT COLLATE decimal NOT NULL, 
	funding_interval_seconds INTEGER NOT NULL, 
	max_leverage TEXT COLLATE decimal NOT NULL, 
	status TEXT NOT NULL, 
	PRIMARY KEY (exchange, symbol)
);
INSERT INTO "instruments" VALUES('linear_house','BTC-USD-PERP','BTC-USD-PERP','linear','1','USD','0.1','0.001','0.001','5','0.0002','0.0005',28800,'10','open');
INSERT INTO "instruments" VALUES('inverse_house','BTC-USD-PERP','BTC-USD-PERP','inverse','100','USD','0.1','1','0.001','5','0.0002','0.0005',28800,'10','open');
CREATE TABLE journals (
	journal TEXT NOT NULL, 
	last_record INTEGER NOT NULL, 
	PRIMARY KEY (journal)
);
INSERT INTO "journals" VALUES('fb415268eca5ce260465e01ea17fecd1c075b455f7884ad51bcccee50cc54084',27);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('mode','demo');
INSERT INTO "meta" VALUES('version','0.1.0');
CREATE TABLE orders (
	client_order_id TEXT NOT NULL, 
	pair_id TEXT, 
	leg TEXT, 
	purpose TEXT NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	price TEXT COLLATE decimal, 
	size TEXT COLLATE decimal NOT NULL, 
	filled_size TEXT COLLATE decimal NOT NULL, 
	average_price TEXT COLLATE decimal, 
	decision_price TEXT COLLATE decimal, 
	order_type TEXT NOT NULL, 
	time_in_force TEXT NOT NULL, 
	reduce_only BOOLEAN NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT, 
	order_id TEXT, 
	created_ns INTEGER NOT NULL, 
	updated_ns INTEGER NOT NULL, 
	PRIMARY KEY (client_order_id)
);
INSERT INTO "orders" VALUES('e-1-b0','e-1','buy','entry','linear_house','BTC-USD-PERP','BUY','60000.10','0.5','0.5','60000','60000','LIMIT','IOC',0,'FILLED',NULL,'xe-1-b0',1723075200123456789,1723075200123456794);
INSERT INTO "orders" VALUES('e-1-s0','e-1','sell','entry','inverse_house','BTC-USD-PERP','SELL','60000.10','300','300','60000','60000','LIMIT','IOC',0,'FILLED',NULL,'xe-1-s0',1723075200123456789,1723075200123456794);
INSERT INTO "orders" VALUES('e-1-b1','e-1','buy','exit','linear_house','BTC-USD-PERP','SELL','60000.10','0.5','0.5','60000','60000','LIMIT','IOC',1,'FILLED',NULL,'xe-1-b1',1723075200123456789,1723075200123456794);
INSERT INTO "orders" VALUES('e-1-s1','e-1','sell','exit','inverse_house','BTC-USD-PERP','BUY','60000.10','300','300','60000','60000','LIMIT','IOC',1,'FILLED',NULL,'xe-1-s1',1723075200123456789,1723075200123456794);
CREATE TABLE pairs (
	pair_id TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	strategy TEXT NOT NULL, 
	buy_exchange TEXT NOT NULL, 
	sell_exchange TEXT NOT NULL, 
	state TEXT NOT NULL, 
	size TEXT COLLATE decimal NOT NULL, 
	notional TEXT COLLATE decimal NOT NULL, 
	buy_open TEXT COLLATE decimal NOT NULL, 
	sell_open TEXT COLLATE decimal NOT NULL, 
	expected_pnl TEXT COLLATE decimal NOT NULL, 
	worst_case_loss TEXT COLLATE decimal, 
	planned_ns INTEGER NOT NULL, 
	opened_ns INTEGER, 
	closed_ns INTEGER, 
	ever_hedged BOOLEAN NOT NULL, 
	repaired BOOLEAN NOT NULL, 
	exit_reason TEXT, 
	reason TEXT, 
	PRIMARY KEY (pair_id)
);
INSERT INTO "pairs" VALUES('e-1','BTC-USD-PERP','arbitrage','linear_house','inverse_house','CLOSED','0.5','30000','0','0','12.5','55.5',1723075200123456789,1723075200123456797,1723075200123456798,1,0,'gap_vanished',NULL);
CREATE TABLE runs (
	epoch TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	version TEXT NOT NULL, 
	started_ns INTEGER NOT NULL, 
	stopped_ns INTEGER, 
	reason TEXT, 
	PRIMARY KEY (epoch)
);
INSERT INTO "runs" VALUES('e','replay','0.1.0',1723075200123458789,1723075200123484789,'stopped');
CREATE TABLE trades (
	id INTEGER NOT NULL, 
	timestamp TEXT NOT NULL, 
	time_ns INTEGER NOT NULL, 
	pair_id TEXT, 
	strategy TEXT NOT NULL, 
	exchange TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	price TEXT COLLATE decimal NOT NULL, 
	size TEXT COLLATE decimal NOT NULL, 
	notional TEXT COLLATE decimal NOT NULL, 
	fee TEXT COLLATE decimal NOT NULL, 
	pnl TEXT COLLATE decimal NOT NULL, 
	trade_id TEXT NOT NULL, 
	client_order_id TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (exchange, symbol, trade_id)
);
INSERT INTO "trades" VALUES(1,'2024-08-08T00:00:00.123456796Z',1723075200123456796,'e-1','arbitrage','linear_house','BTC-USD-PERP','BUY','60000','0.5','30000.00000000','15','0','te-1-b0','e-1-b0');
INSERT INTO "trades" VALUES(2,'2024-08-08T00:00:00.123456796Z',1723075200123456796,'e-1','arbitrage','inverse_house','BTC-USD-PERP','SELL','60010','0.499916680553241126','30000.00000000','15.0025','0','te-1-s0','e-1-s0');
INSERT INTO "trades" VALUES(3,'2024-08-08T00:00:00.123456796Z',1723075200123456796,'e-1','arbitrage','linear_house','BTC-USD-PERP','SELL','60100','0.5','30050.00000000','15.025','50','te-1-b1','e-1-b1');
INSERT INTO "trades" VALUES(4,'2024-08-08T00:00:00.123456796Z',1723075200123456796,'e-1','arbitrage','inverse_house','BTC-USD-PERP','BUY','60090','0.499251123315027459','30000.00000000','15.0225','-40.05','te-1-s1','e-1-s1');
CREATE TABLE transfers (
	id INTEGER NOT NULL, 
	time_ns INTEGER NOT NULL, 
	exchange TEXT NOT NULL, 
	amount TEXT COLLATE decimal NOT NULL, 
	transfer_id TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (exchange, transfer_id)
);
INSERT INTO "transfers" VALUES(1,1723075200123456789,'linear_house','-100','w1');
CREATE TABLE verdicts (
	symbol TEXT NOT NULL, 
	level TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	measured TEXT COLLATE decimal, 
	"limit" TEXT COLLATE decimal, 
	distance TEXT COLLATE decimal, 
	detail TEXT NOT NULL, 
	last_ns INTEGER NOT NULL, 
	PRIMARY KEY (symbol, level, reason)
);
CREATE INDEX orders_by_pair ON orders (pair_id);
CREATE INDEX fills_by_pair ON fills (pair_id);
CREATE INDEX equity_by_time ON equity (time_ns);
COMMIT;
