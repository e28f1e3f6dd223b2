"""The words of a report, in English and Chinese."""

from __future__ import annotations

_TABLE: dict[str, tuple[str, str]] = {
    # what it is
    "report": ("Trading report", "交易报告"),
    "replay": ("REPLAY · a recorded market, simulated orders, no real money", "回放 · 录制行情，模拟订单，非真实资金"),
    "demo": ("DEMO · a generated market, simulated orders, no real money", "演示 · 生成行情，模拟订单，非真实资金"),
    "paper": ("PAPER · real prices, simulated orders, no real money", "模拟盘 · 真实行情，模拟订单，非真实资金"),
    "live": ("LIVE · real orders, real money", "实盘 · 真实订单，真实资金"),
    "from": ("from", "起"),
    "to": ("to", "止"),
    "made": ("made", "生成时间"),
    "database": ("database", "数据库"),
    "times_in": ("times in", "时区"),
    "runs": ("starts of the bot", "启动次数"),
    "amounts": ("amounts in USD", "金额单位 USD"),
    # headline figures
    "pairs": ("pairs", "配对"),
    "attempted": ("attempted", "尝试"),
    "missed": ("missed", "未成交"),
    "failed": ("failed", "失败"),
    "opened": ("opened", "已对冲"),
    "closed": ("closed", "已平仓"),
    "open": ("open", "持仓中"),
    "quarantined": ("quarantined", "已隔离"),
    "repaired": ("repaired", "已补单"),
    "win_rate": ("win rate", "胜率"),
    "of_closed": ("{won:,} of {closed:,} closed", "已平仓 {closed:,} 中 {won:,}"),
    "pnl": ("PnL", "损益"),
    "pnl_price": ("PnL price", "价差损益"),
    "pnl_fees": ("PnL fees", "手续费"),
    "pnl_funding": ("PnL funding", "资金费"),
    "pnl_gas": ("PnL gas", "Gas 费"),
    "pnl_total": ("PnL total", "损益合计"),
    "after_costs": ("realised, after all costs", "已实现，扣除全部成本"),
    "unrealised": ("unrealised at the end", "期末未实现"),
    "expected_closed": ("expected of closed pairs", "已平仓配对预期"),
    "realised_closed": ("realised of closed pairs", "已平仓配对实现"),
    "realised_share": ("realised of expected", "实现/预期"),
    "slippage": ("slippage per order", "每单滑点"),
    "worse_positive": ("mean; 90 % of orders at most {p90} bps", "均值；90 % 的订单不超过 {p90} bps"),
    "drawdown_largest": ("largest drawdown", "最大回撤"),
    "of_peak": ("deepest in percent {pct} below the peak", "按比例最深：峰值以下 {pct}"),
    "fees": ("fees", "手续费"),
    "of_volume": ("{bps} bps of {volume} traded", "成交额 {volume} 的 {bps} bps"),
    "holding": ("mean time held", "平均持有时间"),
    "best": ("best pair", "最佳配对"),
    "worst": ("worst pair", "最差配对"),
    "transfers": ("deposits and withdrawals", "净入金"),
    # charts
    "equity": ("Equity of all exchanges", "全部交易所权益"),
    "equity_note": (
        "USD, deposits and withdrawals left out, open positions at executable prices",
        "USD，剔除出入金，未平仓按可成交价计",
    ),
    "drawdown": ("Drawdown", "回撤"),
    "drawdown_note": (
        "USD below the highest equity before; the deepest is marked",
        "低于此前最高权益的 USD；标出最深处",
    ),
    "against": ("Expected against realised", "预期与实现"),
    "against_note": (
        "one dot a closed pair, USD; on the dashed line it brought what was expected",
        "每点一个已平仓配对，USD；虚线上表示与预期一致",
    ),
    "sums": ("Expected and realised, added up", "预期与实现累计"),
    "sums_note": ("USD, closed pairs in the order they closed", "USD，按平仓先后"),
    "expected": ("expected", "预期"),
    "realised": ("realised", "实现"),
    "pair_number": ("closed pairs", "已平仓配对数"),
    "stopped": ("stopped", "停机"),
    "gained": ("gained", "盈利"),
    "lost": ("lost", "亏损"),
    "no_equity": ("no equity was marked yet", "尚无权益记录"),
    "no_closed": ("no pair was closed yet", "尚无已平仓配对"),
    # tables
    "by_symbol": ("By symbol", "按品种"),
    "by_exit": ("By what ended the pair", "按平仓原因"),
    "by_exchange": ("By exchange", "按交易所"),
    "symbol": ("symbol", "品种"),
    "exit": ("exit", "平仓原因"),
    "exchange": ("exchange", "交易所"),
    "all": ("all", "合计"),
    "expected_pnl": ("expected", "预期"),
    "closed_pnl": ("realised", "实现"),
    "total": ("total", "合计"),
    "fills": ("fills", "成交笔数"),
    "volume": ("volume", "成交额"),
    "price": ("price PnL", "价差损益"),
    "funding": ("funding", "资金费"),
    "gas": ("gas", "Gas 费"),
    "slippage_bps": ("slippage, bps", "滑点 bps"),
    "equity_now": ("equity at the end", "期末权益"),
    "pair_list": ("Pairs", "配对列表"),
    "newest_of": (
        "the newest {shown:,} of {all:,}; `perpbot export pairs` has all",
        "最新 {shown:,} / {all:,}；全部见 `perpbot export pairs`",
    ),
    "opened_at": ("opened", "开仓时间"),
    "pair": ("pair", "配对"),
    "buy_sell": ("buy → sell", "买入 → 卖出"),
    "state": ("state", "状态"),
    "notional": ("notional", "名义金额"),
    "held": ("held, s", "持有秒数"),
    "nothing": ("nothing was traded", "没有交易"),
    # what must be said
    "quarantine": (
        "{count} quarantined: their exposure is not certain. Nothing opens until `perpbot resolve PAIR --note`.",
        "{count} 个配对被隔离：敞口不确定。执行 `perpbot resolve PAIR --note` 之前不会开仓。",
    ),
    "assumed": ("What was assumed", "假设"),
    "assume_usd": (
        "The reporting currency is USD; USDC counts 1, and in replay and demo USDT counts 1 too.",
        "记账货币为 USD；USDC 按 1 计，回放与演示中 USDT 也按 1 计。",
    ),
    "assume_funding_rate": (
        "Funding was not recorded: each exchange's configured rate (exchanges.NAME.funding_rate) was used.",
        "录制不含资金费：采用各交易所配置的费率 (exchanges.NAME.funding_rate)。",
    ),
    "assume_usdt_usd": (
        "The recorded exchanges quote in USDT, whose own price was not recorded.",
        "所录交易所以 USDT 报价，USDT 自身的价格未录制。",
    ),
    "assume_simulated": (
        "Orders met a simulated exchange: what other traders would have done because of them is not in these figures.",
        "订单在模拟交易所成交：其他交易者对这些订单的反应未计入。",
    ),
    "assume_pulses": (
        "The gaps are invented pulses: {per_minute} a minute a symbol, median {median_bps} bps for {median_seconds} s.",
        "价差为人为脉冲：每品种每分钟 {per_minute} 次，中位数 {median_bps} bps，持续 {median_seconds} 秒。",
    ),
    "assume_expected": (
        "Expected is what the decision to open counted on, after all costs; it is never taken for what was realised.",
        "预期为开仓决策时扣除全部成本后的估计，绝不作为已实现。",
    ),
    "assume_marks": (
        "Drawdown is of equity marked about once a second; what came and went between two marks is not seen.",
        "回撤基于约每秒一次的权益记录；两次记录之间的变化不可见。",
    ),
}


def words(language: str) -> dict[str, str]:
    """All words by key in ``language``, ``en`` or ``zh``."""
    return {key: both[language == "zh"] for key, both in _TABLE.items()}


_EXITS = {
    "target_profit": ("target profit", "达到目标"),
    "gap_vanished": ("gap vanished", "价差消失"),
    "time_limit": ("time limit", "到时"),
    "stop_loss": ("stop loss", "止损"),
    "liquidation_distance": ("near liquidation", "接近强平"),
    "operator": ("operator", "操作员"),
    "unwound": ("unwound", "单边平回"),
    "unknown": ("not noted", "未记录"),
}


def exit_words(reason: str, language: str) -> str:
    """What ended a pair, in words; a reason of an extension is its own."""
    both = _EXITS.get(reason)
    return both[language == "zh"] if both else reason.replace("_", " ")
