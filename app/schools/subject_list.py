"""The subjects a county starts with: those of the national curriculum of grades 1 to 9 (2022), as codes and names."""

STANDARD_SUBJECTS = (
    ("Chinese", "语文", "Chinese"),
    ("Mathematics", "数学", "Mathematics"),
    ("English", "英语", "English"),
    ("Morality", "道德与法治", "Morality and law"),
    ("Science", "科学", "Science"),
    ("PE", "体育与健康", "Physical education"),
    ("Music", "音乐", "Music"),
    ("Art", "美术", "Art"),
    ("IT", "信息科技", "Information technology"),
    ("Labour", "劳动", "Labour"),
    ("Practice", "综合实践活动", "Integrated practice"),
    ("History", "历史", "History"),
    ("Geography", "地理", "Geography"),
    ("Physics", "物理", "Physics"),
    ("Chemistry", "化学", "Chemistry"),
    ("Biology", "生物学", "Biology"),
)
"""Code, Chinese name, English name."""
