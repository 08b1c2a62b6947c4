"""Writes sklearn.json: probabilities of scikit-learn's TF-IDF and logistic regression for the test to compare with.

    pip install scikit-learn==1.9.1 && python make_sklearn.py

The texts are made here, from a fixed seed: words of a small vocabulary, punctuation, capitals and letters beyond ASCII.
"""
import json
import random
from pathlib import Path

import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

WORDS = ("Cookie cookie_id Secure HttpOnly SameSite=Lax max-age=0 <script> eval(x) SELECT * FROM users; admin'-- "
         "größe naïve Ünïcode x y 42 7 3.14 no-store cache 名前 café _private __init__ don't e-mail").split()

rng = random.Random(7)
rows = []
for i in range(60):
    label = i % 2
    pool = WORDS[:20] if label else WORDS[8:]
    rows.append((" ".join(rng.choice(pool) for _ in range(rng.randint(0, 12))), label))
train, test = rows[:44], rows[44:] + [("", 0), ("nothing known here", 0)]
v = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=50000)
x = v.fit_transform([t for t, _ in train])
lr = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(x, [l for _, l in train])
Path(__file__).with_name("sklearn.json").write_text(json.dumps({
    "version": sklearn.__version__,
    "train": [{"text": t, "label": bool(l)} for t, l in train],
    "terms": len(v.vocabulary_),
    "test": [{"text": t, "p": p} for (t, _), p in zip(test, lr.predict_proba(v.transform([t for t, _ in test]))[:, 1])],
}, ensure_ascii=False, indent=1) + "\n")
