from tests.beginnings import beginning as beginning
