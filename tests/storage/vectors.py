"""The keyring's test vectors, computed a second time by a separate implementation, and what they hold."""

from bot.core.secrets import SealContext, Secret

ROOT = bytes(range(32))
SECOND_ROOT = bytes(range(1, 33))
NONCE = bytes([0x0B]) * 12
PASSWORD_PLACE = SealContext("T1", "i1", "password")
PLACE = SealContext("T1", "i1")
CREDENTIAL = {"username": Secret("ci"), "password": Secret("pw")}
VECTOR_A = "s1.rhu6glbj.CwsLCwsLCwsLCwsLJqrNqwQDq9vylykIh4QzKmqp"
VECTOR_A2 = "s1.txl6djfw.CwsLCwsLCwsLCwsLp9cYWM5QYatsYV14V2YvZqdZ"
VECTOR_B = (
    "s1.rhu6glbj.CwsLCwsLCwsLCwsLLf-q6YUpZJEOPHX2zpToICJf2b-DG6LDrduc0P7EutajEIDvEaudoAwkBb5L8plz0geEs2"
    "EMbnjvHFblHtLwWYLHIo-PM1sTvs6SxMACjxc"
)
VECTOR_C = "s1.rhu6glbj.CwsLCwsLCwsLCwsLObZKD_w6d7XoIXnpIBkzsD_b"
HEAD = "1909c9725bccb7b57246c232cf9592c0fb767f97adc549e5cdc1d099fd9cbb8c"
HEAD_SEAL = "3bffd1b558172ddbcfb40f1b7e3bd3d098f84a89f9f3fe4b022574c7831a70de"
MARKER = "marker-secret-value"
