from tests.beginnings import beginning as beginning
from tests.beginnings import traces as traces
