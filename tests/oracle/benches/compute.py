"""`tickwire compute` against the Python wheel of TA-Lib with pandas, on the same files.

    cargo build --release
    python3 -m venv target/oracle-venv
    target/oracle-venv/bin/pip install -r tests/oracle/benches/requirements.txt
    target/oracle-venv/bin/python tests/oracle/benches/compute.py target/release/tickwire

Writes a file of bars, lets both sides compute the same 20 expressions on it in processes of
their own, in turn, and tells the medians of seconds, the greatest resident memory of each, and
how far their values are apart.
"""

import argparse
import csv
import datetime
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

EXPRESSIONS = [
    "sma(20)",
    "ema(20)",
    "wma(20)",
    "dema(20)",
    "kama(20)",
    "bbands(20,2,2)",
    "rsi(14)",
    "macd(12,26,9)",
    "stoch(14,3,3)",
    "cci(20)",
    "willr(14)",
    "mom(10)",
    "roc(10)",
    "mfi(14)",
    "obv()",
    "atr(14)",
    "natr(14)",
    "adx(14)",
    "stddev(20)",
    "linearreg(14)",
]


def rival(source, target):
    """What a user of TA-Lib writes."""
    import pandas
    import talib

    bars = pandas.read_csv(source)
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    columns = {
        "sma": talib.SMA(close, 20),
        "ema": talib.EMA(close, 20),
        "wma": talib.WMA(close, 20),
        "dema": talib.DEMA(close, 20),
        "kama": talib.KAMA(close, 20),
    }
    columns["upper"], columns["middle"], columns["lower"] = talib.BBANDS(close, 20, 2.0, 2.0)
    columns["rsi"] = talib.RSI(close, 14)
    columns["macd"], columns["signal"], columns["hist"] = talib.MACD(close, 12, 26, 9)
    columns["k"], columns["d"] = talib.STOCH(high, low, close, 14, 3, 0, 3, 0)
    columns["cci"] = talib.CCI(high, low, close, 20)
    columns["willr"] = talib.WILLR(high, low, close, 14)
    columns["mom"] = talib.MOM(close, 10)
    columns["roc"] = talib.ROC(close, 10)
    columns["mfi"] = talib.MFI(high, low, close, volume, 14)
    columns["obv"] = talib.OBV(close, volume)
    columns["atr"] = talib.ATR(high, low, close, 14)
    columns["natr"] = talib.NATR(high, low, close, 14)
    columns["adx"] = talib.ADX(high, low, close, 14)
    columns["stddev"] = talib.STDDEV(close, 20)
    columns["linearreg"] = talib.LINEARREG(close, 14)
    pandas.DataFrame({"time": bars.time, **columns}).to_csv(target, index=False)


def write_bars(path, count):
    noise = random.Random(4)
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    close = 100.0
    with open(path, "w", newline="") as file:
        file.write("time,open,high,low,close,volume\n")
        for minute in range(count):
            opened = close
            close = min(max(opened * (1 + 0.004 * (noise.random() - 0.5)), 10.0), 1000.0)
            high = max(opened, close) * (1 + 0.001 * noise.random())
            low = min(opened, close) * (1 - 0.001 * noise.random())
            moment = (start + datetime.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
            volume = noise.randrange(1, 1_000_000)
            file.write(f"{moment},{opened:.4f},{high:.4f},{low:.4f},{close:.4f},{volume}\n")


def run(command):
    """Seconds, and the greatest resident memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{command[0]} ended with status {status}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def apart(ours, theirs):
    """The greatest difference of two values, relative to the greater of their magnitude and 1."""
    greatest, compared = 0.0, 0
    with open(ours, newline="") as one, open(theirs, newline="") as other:
        for mine, yours in zip(csv.reader(one), csv.reader(other), strict=True):
            for a, b in zip(mine[1:], yours[1:], strict=True):
                try:
                    a, b = float(a), float(b)
                except ValueError:
                    continue
                greatest = max(greatest, abs(a - b) / max(abs(a), abs(b), 1.0))
                compared += 1
    return greatest, compared


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tickwire", nargs="?", default="target/release/tickwire")
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rival", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rival:
        return rival(*arguments.rival)
    with tempfile.TemporaryDirectory() as folder:
        source, ours, theirs = (os.path.join(folder, name) for name in ("in.csv", "ours.csv", "theirs.csv"))
        write_bars(source, arguments.bars)
        command = [arguments.tickwire, "compute", "--input", source, "--output", ours]
        for expression in EXPRESSIONS:
            command += ["--expr", expression]
        against = [sys.executable, __file__, "--rival", source, theirs]
        rows = {"tickwire": [], "TA-Lib": []}
        for _ in range(arguments.runs):
            rows["tickwire"].append(run(command))
            rows["TA-Lib"].append(run(against))
        greatest, compared = apart(ours, theirs)
        mega = 1_000_000
        data = os.path.getsize(source)
        print(f"{arguments.bars} bars, {len(EXPRESSIONS)} expressions; {data / mega:.1f} MB in, "
              f"{os.path.getsize(ours) / mega:.1f} MB out; the bars as numbers {arguments.bars * 48 / mega:.1f} MB")
        for name, measured in rows.items():
            seconds = statistics.median(seconds for seconds, _ in measured)
            memory = max(memory for _, memory in measured)
            print(f"{name:9} {seconds:7.2f} s {memory / mega:8.1f} MB resident at most, {memory / data:.2f} x the file")
        ratio = statistics.median(s for s, _ in rows["TA-Lib"]) / statistics.median(s for s, _ in rows["tickwire"])
        print(f"tickwire is {ratio:.2f} times as fast")
        print(f"{compared} values compared, at most {greatest:.1e} apart")


main()
