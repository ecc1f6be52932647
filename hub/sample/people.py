"""Names people bear: surnames by frequency with a flavour of Shanxi, given names by sex and year of birth."""

from functools import cache
from typing import Literal

from hub import names
from hub.sample import chance
from hub.terms import Sex

Cohort = Literal["parents", "elder", "younger"]
Named = tuple[str, str]
"""A part of a name and its pinyin."""

# Shares of a thousand, roughly the census of 2010 with what is commoner in Shanxi raised.
_SURNAMES = """
王85 张82 李80 刘54 陈26 杨33 赵38 郭30 马18 高17 韩15 武15 任14 郝13 吴13 孙14 周11 梁11 薛11 贾12 白10 冯11 田11
宋11 侯10 曹10 杜9 樊8 胡9 董10 温8 乔9 闫12 郑8 黄7 徐8 朱6 段8 史8 孟8 崔8 范7 牛7 姚6 贺6 秦7 常8 成5 庞3 尚3 齐4
卫4 景4 吕8 何7 许6 罗4 申5 苏4 魏7 程5 丁3 袁4 于4 潘3 余2 叶2 蒋2 蔡2 沈2 卢3 姜3 方2 夏2 邓2 石6 毛3 雷3 康4
邢5 安5 岳3 焦4 柴4 文2 原4 靳5 霍4 耿4 刑1 左2 药1.5 弓1.5 裴3 弋0.4 郇0.3 亢1 吉1.5 续1 要0.8 折0.6 冀2.5 荆1.5
翟3 党1.5 解2.5 关2 芦1.5 苗1.5 邵1 孔1.5 傅1.5 彭1.5 曾1 谢2 唐2 汪1 熊1 金1 陆0.8 戴1 江1 陶1 谭0.7 邹0.6 龙0.6
万0.6 钱0.5 汤0.8 尹2 黎0.3 易0.4 覃0.2 顾0.4 赖0.2 洪0.3 单0.6 仇0.5 查0.2 盖0.2 缪0.1 逯0.5 仝1 郄0.3 员0.5
令狐1 欧阳0.4 上官0.8 司马0.2 皇甫0.2 尉迟0.1 呼延0.2 诸葛0.1 慕容0.1 闻0.6 席1.5 阎2 阴0.6 暴0.5 晋0.5 师1.2 巩0.8
"""
_WHOLE = {
    ("younger", Sex.MALE): "浩然 子轩 浩宇 宇轩 子涵 梓轩 宇航 皓轩 子豪 博文 俊杰 一鸣 天宇 雨泽 文博 浩天 子睿 宇辰 "
    "梓豪 家豪 嘉豪 泽宇 明轩 俊熙 晨曦 思远 志豪 子昂 鹏飞 佳豪 宇泽 润泽 昊天 昊然 锦程 博涵 奕辰 智宇 世豪 星宇",
    (
        "younger",
        Sex.FEMALE,
    ): "欣怡 梓涵 雨欣 佳怡 子涵 诗涵 可欣 欣妍 思彤 雨桐 梦瑶 一诺 欣悦 雅婷 佳琪 紫涵 语嫣 雨涵 "
    "若曦 思涵 梦琪 佳慧 婧雯 怡然 依诺 静怡 嘉怡 思琪 雨萱 梓萱 馨予 诗琪 佳颖 艺馨 心怡 慧敏 雯静 悦彤 晓彤 梦涵",
    (
        "elder",
        Sex.MALE,
    ): "志强 俊杰 鹏飞 志伟 晓东 凯凯 文杰 浩杰 志鹏 泽鑫 鹏程 志远 建华 宇鹏 晓峰 鑫鑫 建伟 佳伟 海龙 "
    "志刚 永强 文龙 小龙 晋鹏 世杰 晓鹏 帅帅 晋阳 国强 鹏鹏 宏伟 家兴 彦斌 瑞鹏 泽华 嘉伟 少华 凯旋 文强 雪峰",
    (
        "elder",
        Sex.FEMALE,
    ): "婷婷 佳佳 丽娜 晓燕 丹丹 倩倩 雅丽 媛媛 静静 晓敏 娜娜 佳敏 晓丽 慧慧 丽丽 雅琴 楠楠 莉莉 晓芳 "
    "文静 瑞芳 彩霞 雪梅 晶晶 敏敏 璐璐 嘉敏 晓红 佳欣 美玲 琳琳 艳艳 晋芳 雅倩 春燕 菲菲 娇娇 俊芳 雅楠 蓉蓉",
    (
        "parents",
        Sex.MALE,
    ): "建国 建军 志强 建华 建平 文明 永强 国强 建明 志刚 爱民 海军 红兵 卫东 俊生 拴柱 贵平 保平 润生 "
    "晋生 计生 利军 建忠 玉龙 秀生 福生 彦平 小军 永红 俊峰 春生 银柱 二小 慧军 海平 瑞平 金锁 云生 月明 建斌",
    (
        "parents",
        Sex.FEMALE,
    ): "秀英 桂英 秀兰 玉兰 桂花 秀珍 翠萍 爱萍 丽萍 建英 秀梅 玉梅 春梅 海燕 俊英 爱英 秀平 改兰 润兰 "
    "变梅 俊梅 艳萍 红梅 月英 爱花 彩虹 玉萍 瑞英 巧英 凤英 秀芳 永红 俊萍 粉英 改梅 晋萍 爱珍 拉弟 引弟 桂萍",
}
_SINGLE = {
    ("younger", Sex.MALE): "浩宇轩昊睿泽博涵辰旭阳航毅杰鑫帅凯铭瑞晨翔哲",
    ("younger", Sex.FEMALE): "颖怡欣妍悦涵萱琪瑶婷蕊雯璐琳雪静慧菲倩莹彤馨",
    ("elder", Sex.MALE): "鹏伟杰凯磊超涛浩强帅亮波飞龙斌宁勇刚鑫辉彬健",
    ("elder", Sex.FEMALE): "婷倩静敏娜丹丽佳燕慧芳琴霞娟雪莉艳洁蓉楠璐晶",
    ("parents", Sex.MALE): "军强伟勇平斌明刚峰辉涛宏俊林忠清华兵杰亮生虎",
    ("parents", Sex.FEMALE): "英梅霞萍芳丽红艳玲琴兰花娟燕珍云香凤平莲变",
}
_FIRST = {
    ("younger", Sex.MALE): "子浩宇梓俊博嘉家泽天文志明思昊皓晨一世锦佳瑞润奕景承",
    ("younger", Sex.FEMALE): "欣梓雨佳子诗可思梦一雅紫语若婧怡依静嘉馨艺心慧晓悦美",
    ("elder", Sex.MALE): "志鹏俊文晓建海永国浩泽小晋世佳宇家彦瑞少雪宏东春新振",
    ("elder", Sex.FEMALE): "晓佳丽雅文丹慧瑞彩雪美静春嘉艳俊晋玉媛小红金秀海亚莉",
    ("parents", Sex.MALE): "建志文永国海红卫俊贵保润晋利玉秀福彦小春银金瑞云新学",
    ("parents", Sex.FEMALE): "秀桂玉翠爱丽建春海俊改润艳红月彩瑞巧凤粉晋云引金慧雪",
}
_LAST = {
    ("younger", Sex.MALE): "然轩宇涵航豪文杰鸣泽博天睿辰熙远昂飞程阳霖鑫皓恒哲宸",
    ("younger", Sex.FEMALE): "怡涵欣妍彤桐瑶诺悦婷琪嫣曦慧雯然萱予颖馨敏静雪琳璇菲",
    ("elder", Sex.MALE): "强杰飞伟东鹏鑫远华峰龙刚阳兴斌旋宇凯辉波涛明亮军乐斐",
    ("elder", Sex.FEMALE): "婷佳娜燕丹倩丽媛静敏慧琴楠莉芳霞梅晶璐红欣玲琳艳娇茹",
    ("parents", Sex.MALE): "国军强华平明民兵东生柱忠龙红峰小锁斌文祥贵才旺林义武",
    ("parents", Sex.FEMALE): "英兰花珍萍梅燕平虹芳弟香莲琴霞玲仙娥青鱼云枝叶变娟爱",
}
_UYGHUR = {
    Sex.MALE: "阿卜杜拉·买买提 艾力·吐尔逊 玉素甫·艾合买提",
    Sex.FEMALE: "阿依古丽·买买提 古丽娜尔·艾力 热依汗·玉苏普",
}


@cache
def surnames() -> list[Named]:
    """Surnames with their pinyin, each as often as it is common."""
    weighted = {}
    for word in _SURNAMES.split():
        surname = word.rstrip("0123456789.")
        weighted[surname, names.surname_key(surname)] = float(word[len(surname) :])
    return chance.table(weighted)


@cache
def given(cohort: Cohort, sex: Sex) -> list[Named]:
    """Given names with their pinyin: a third from the fashionable few, a sixth of one character, others composed."""
    born = cohort, sex
    whole = {name: 1 / (rank + 6) for rank, name in enumerate(_WHOLE[born].split())}
    single = {name: 1 / (rank + 6) for rank, name in enumerate(_SINGLE[born])}
    composed = {
        first + last: 1 / (left + 8) / (right + 8)
        for left, first in enumerate(_FIRST[born])
        for right, last in enumerate(_LAST[born])
    }
    weighted: dict[Named, float] = {}
    for share, part in ((0.35, whole), (0.15, single), (0.5, composed)):
        for name, weight in part.items():
            named = name, names.given_key(name)
            weighted[named] = weighted.get(named, 0) + share * weight / sum(part.values())
    return chance.table(weighted)


@cache
def uyghur(sex: Sex) -> list[Named]:
    """A few whole names of pupils from Xinjiang, with their keys."""
    return [(name, names.name_key(name)) for name in _UYGHUR[sex].split()]
